#include "values.hpp"

#include <cmath>
#include <functional>
#include <limits>

#include "keel/runtime/rng.hpp"

namespace keel::differential {
namespace {

using Draw = std::function<double()>;

double small_number(Rng& rng) {
  constexpr double least = 0x1p-149;
  const double sign = rng.below(2) == 0 ? 1.0 : -1.0;
  if (rng.below(8) == 0) return sign * 0x1p-126;
  return sign * least * static_cast<double>(rng.below(1U << 23U));
}

Draw normal_or(Rng& rng, double special, std::uint64_t one_in) {
  return [&rng, special, one_in] {
    if (rng.below(one_in) != 0) return rng.normal();
    return rng.below(2) == 0 ? special : -special;
  };
}

Draw draw_of(ValueKind kind, Rng& rng) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  switch (kind) {
    case ValueKind::positive:
      return [&rng] { return 0.1 + std::abs(rng.normal()); };
    case ValueKind::offset_1e3:
      return [&rng] { return 1e3 + rng.normal(); };
    case ValueKind::offset_1e4:
      return [&rng] { return 1e4 + rng.normal(); };
    case ValueKind::ties:
      return [&rng] { return static_cast<double>(rng.below(5)) - 2.0; };
    case ValueKind::zeros:
      return [&rng] { return rng.below(2) == 0 ? 0.0 : -0.0; };
    case ValueKind::denormals:
      return [&rng] { return small_number(rng); };
    case ValueKind::huge: {
      const double offset = std::pow(10.0, rng.uniform(2.0, 6.0));
      const double spread = std::pow(10.0, rng.uniform(0.0, 2.0));
      return [&rng, offset, spread] { return offset + spread * rng.normal(); };
    }
    case ValueKind::extreme:
      return [&rng] { return rng.normal() * std::pow(10.0, rng.uniform(0.0, 30.0)); };
    case ValueKind::constant: {
      const double value = rng.normal() * 0.3;
      return [value] { return value; };
    }
    case ValueKind::near_one:
      return [&rng] { return 1.0 + 0x1p-23 * (static_cast<double>(rng.below(4097)) - 2048.0); };
    case ValueKind::with_infinity:
      return normal_or(rng, infinity, 50);
    default:
      return [&rng] { return rng.normal(); };
  }
}

}  // namespace

Tensor hidden_values(const Case& description, std::string_view purpose, std::uint64_t index,
                     const Shape& shape, ValueKind kind) {
  Rng rng = Rng{description.seed}.stream(purpose, index);
  Tensor tensor{shape};
  const auto draw = draw_of(kind, rng);
  const auto data = tensor.data<float>();
  for (auto& value : data) value = static_cast<float>(draw());
  if (kind == ValueKind::with_nan && !data.empty())
    data[rng.below(data.size())] = std::numeric_limits<float>::quiet_NaN();
  return tensor;
}

Tensor values_of(const Case& description, std::size_t index) {
  const auto& input = description.inputs.at(index);
  if (input.values != ValueKind::labels)
    return hidden_values(description, "input", index, input.shape, input.values);
  Rng rng = Rng{description.seed}.stream("input", index);
  Tensor labels{input.shape, DType::s32};
  for (auto& label : labels.data<std::int32_t>())
    label = static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(input.classes)));
  return labels;
}

}  // namespace keel::differential
