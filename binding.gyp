# For tools that call node-gyp: hands over to CMakeLists.txt, the one list of sources.
{
  "targets": [
    {
      "target_name": "hushgrad",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "message": "Building with CMake",
          "inputs": [],
          # Never made, so that CMake always runs and decides itself what is out of date.
          "outputs": ["<(PRODUCT_DIR)/.always"],
          "action": ["node", "scripts/build-native.mjs", "--config", "$(BUILDTYPE)"]
        }
      ]
    }
  ]
}
