#include "graph/graph.h"

#include <map>

namespace hushgrad {

namespace {

using Layout = Layer::Layout;

// Channels-first and channels-last coincide with one channel or one position.
bool orderMatters(const Shape& shape) {
  return shape.size() >= 2 && shape[0] > 1 && elementCount(shape) > shape[0];
}

class Lowering {
 public:
  Lowering(const ModelSpec& model, Backend& backend) : model(model), backend(backend) {
    graph.parameters = model.parameters;
    graph.views = model.views;
    graph.uses.resize(model.parameters.size());
    addValue(model.inputShape, Layout::plain, false);
    translated.push_back(0);
  }

  Graph run() {
    for (const NodeSpec& node : model.nodes) translated.push_back(addLayer(node));
    inLayout(translated.back(), Layout::plain);  // the loss reads PyTorch's order
    graph.consumers.resize(graph.shapes.size());
    for (size_t i = 0; i < graph.nodes.size(); ++i)
      for (int value : graph.nodes[i].inputs)
        graph.consumers[static_cast<size_t>(value)].push_back(static_cast<int>(i));
    return std::move(graph);
  }

 private:
  int addValue(const Shape& shape, Layout layout, bool needsGradient) {
    graph.shapes.push_back(shape);
    graph.needsGradient.push_back(needsGradient);
    layouts.push_back(orderMatters(shape) ? layout : Layout::either);
    return static_cast<int>(graph.shapes.size()) - 1;
  }

  int addNode(NodeSpec node, Layout layout) {
    bool needsGradient = false;
    for (int value : node.inputs) needsGradient = needsGradient || graph.needsGradient[static_cast<size_t>(value)];
    for (int parameter : node.parameters)
      if (parameter >= 0) ++graph.uses[static_cast<size_t>(parameter)];
    for (int parameter : node.parameters)
      needsGradient = needsGradient || (parameter >= 0 && graph.parameters[static_cast<size_t>(parameter)].trainable);
    Shape shape = node.outputShape;
    graph.nodes.push_back(std::move(node));
    return addValue(shape, layout, needsGradient);
  }

  // The value in the wanted layout, converted at most once.
  int inLayout(int value, Layout wanted) {
    Layout present = layouts[static_cast<size_t>(value)];
    if (wanted == Layout::either || present == Layout::either || present == wanted) return value;
    auto known = conversions.find({value, wanted});
    if (known != conversions.end()) return known->second;
    NodeSpec permute;
    permute.kind = wanted == Layout::plain ? "ToPlain" : "ToChannelsLast";
    permute.path = value == 0 ? "(input)" : graph.nodes[static_cast<size_t>(value) - 1].path;
    permute.inputs = {value};
    permute.outputShape = graph.shapes[static_cast<size_t>(value)];
    return conversions[{value, wanted}] = addNode(permute, wanted);
  }

  std::pair<Layout, Layout> layoutsOf(const NodeSpec& node) {
    std::vector<Shape> inputs;
    for (int value : node.inputs) inputs.push_back(graph.shapes[static_cast<size_t>(value)]);
    try {
      std::unique_ptr<Layer> layer = makeLayer({node, inputs, node.outputShape, 1, false, backend});
      return {layer->layout(), layer->outputLayout()};
    } catch (const std::exception& error) {
      throw std::invalid_argument("layer '" + node.path + "' (" + node.kind + "): " + error.what());
    }
  }

  int addLayer(const NodeSpec& original) {
    NodeSpec node = original;
    for (int& value : node.inputs) value = translated.at(static_cast<size_t>(value));
    auto [in, out] = layoutsOf(node);
    if (in == Layout::either) in = out = layouts[static_cast<size_t>(node.inputs.at(0))];
    for (int& value : node.inputs) value = inLayout(value, in);
    return addNode(std::move(node), out);
  }

  const ModelSpec& model;
  Backend& backend;
  Graph graph;
  std::vector<Layout> layouts;
  std::vector<int> translated;  // value of the model → value of the graph
  std::map<std::pair<int, Layout>, int> conversions;
};

}  // namespace

bool Graph::trains(size_t node) const {
  for (int parameter : nodes[node].parameters)
    if (parameter >= 0 && parameters[static_cast<size_t>(parameter)].trainable) return true;
  return false;
}

bool Graph::shares(size_t node) const {
  for (int parameter : nodes[node].parameters) {
    if (parameter < 0) continue;
    const size_t index = static_cast<size_t>(parameter);
    if (parameters[index].trainable && uses[index] > 1) return true;
  }
  return false;
}

Graph lower(const ModelSpec& model, Backend& backend) {
  if (model.nodes.empty()) throw std::invalid_argument("model: it has no layers");
  return Lowering(model, backend).run();
}

std::unique_ptr<Layer> makeNodeLayer(const Graph& graph, size_t node, int64_t capacity, Backend& backend, bool masked) {
  const NodeSpec& spec = graph.nodes[node];
  std::vector<Shape> inputs;
  bool needsInputGradient = false;
  for (int value : spec.inputs) {
    inputs.push_back(graph.shapes[static_cast<size_t>(value)]);
    needsInputGradient = needsInputGradient || graph.needsGradient[static_cast<size_t>(value)];
  }
  return makeLayer({spec, inputs, spec.outputShape, capacity, needsInputGradient, backend, masked, graph.views});
}

}  // namespace hushgrad
