#include "clipping/clip_rules.h"

#include <stdexcept>

#include "graph/spec.h"

namespace hushgrad {

struct NamedRule {
  ClipKind kind;
  const char* name;
  const char* parameter;  // null: none
  double fallback;        // 0: must be given
};
static const NamedRule kRules[] = {
    {ClipKind::abadi, "abadi", nullptr, 0}, {ClipKind::autoS, "autoS", "gamma", 0.01},
    {ClipKind::autoV, "autoV", nullptr, 0}, {ClipKind::psac, "psac", "r", 0},
    {ClipKind::nsgd, "nsgd", "r", 0},       {ClipKind::global, "global", "Z", 0},
};

static double positive(const std::string& what, double value) {
  if (value > 0 && std::isfinite(value)) return value;
  throw std::invalid_argument(what + " must be a finite number > 0, not " + std::to_string(value));
}

ClipRule clipRule(const std::string& name, double threshold, const Attributes& attributes) {
  std::string known;
  for (const NamedRule& row : kRules) {
    known += (known.empty() ? "" : ", ") + std::string(row.name);
    if (name != row.name) continue;
    ClipRule rule{row.kind, positive("threshold", threshold), 0};
    if (row.parameter == nullptr) return rule;
    const double given = attributes.numberOr(row.parameter, row.fallback);
    rule.parameter = positive("clip function " + name + ": " + row.parameter, given);
    return rule;
  }
  throw std::invalid_argument("no clip function is called '" + name + "'; known: " + known);
}

}  // namespace hushgrad
