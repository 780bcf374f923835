// The options object that crosses the border, read into a SessionSpec. TypeScript has checked it for sense; here every
// index and size is checked that could make native code read outside its memory.
#pragma once

#include <napi.h>

#include "session/session.h"

namespace hushgrad {

SessionSpec readSessionSpec(const Napi::Value& value);
UpdateSpec readUpdateSpec(const Napi::Value& value);
// A layer's or an optimizer's settings: numbers or lists of numbers by name.
Attributes readAttributes(const Napi::Value& value, const std::string& name);
MaskDraw readMaskDraw(const Napi::Value& key, const Napi::Value& refresh, const Napi::Value& rate);

}  // namespace hushgrad
