#pragma once

#include <cstdint>
#include <optional>

#include "keel/graph/tape.hpp"
#include "keel/models/parameter.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

struct LinearOptions {
  bool bias = true;  ///< false where batch norm comes next: its mean takes any bias away again
  InitializerRule weights = initializers::fan_in();      ///< by what rule the weights start
  InitializerRule bias_values = initializers::fan_in();  ///< and the bias
};

/// dst = src * weights^T + bias: src (..., inputs) to dst (..., outputs).
class Linear {
 public:
  Linear(std::int64_t inputs, std::int64_t outputs, const LinearOptions& options = {});

  Var operator()(const Var& src, const SourceLocation& where = SourceLocation::current()) const;

  void visit(auto&& each) {
    each("weights", weights_);
    if (bias_) each("bias", *bias_);
  }

 private:
  Parameter weights_;
  std::optional<Parameter> bias_;
};

}  // namespace keel
