#include "onnx_support.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <span>

#include "keel/graph/plan.hpp"
#include "keel/graph/tape.hpp"
#include "keel/models/onnx.hpp"
#include "keel/models/onnx/call.hpp"
#include "keel/models/onnx/file.hpp"
#include "keel/ops/fusion_rules.hpp"
#include "keel/ops/reshape.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;

// ONNX's own runner allows 1e-3 and 1e-7.
constexpr double relative = 2e-5;
constexpr double absolute = 1e-7;
constexpr double relative_of_windows = 1e-3;  // expected values were computed with 3.1415 for pi

// Indices that are computed count from the front in keel; those that are known may count from the back.
bool is_negative_index(const Error& error) {
  return std::string_view{error.what()}.find("is not one of") != std::string_view::npos;
}

std::vector<onnx::Array> arrays_in(const fs::path& folder, const char* role) {
  std::vector<onnx::Array> arrays;
  for (int i = 0;; ++i) {
    const auto path = folder / fmt::format("{}_{}.pb", role, i);
    if (!fs::exists(path)) return arrays;
    arrays.push_back(onnx::read_array(path));
  }
}

Tensor tensor_of(const onnx::Array& array, const fs::path& path) {
  const auto constant = onnx::constant_of(array, path);
  if (onnx::is_real(constant.element)) return constant.reals;
  std::vector<std::int32_t> numbers;
  for (const auto number : constant.numbers) {
    if (std::cmp_greater(number, std::numeric_limits<std::int32_t>::max()) ||
        std::cmp_less(number, std::numeric_limits<std::int32_t>::lowest()))
      throw OnnxUnsupported{"an integer input is beyond s32"};
    numbers.push_back(static_cast<std::int32_t>(number));
  }
  return Tensor::of<std::int32_t>(Shape{constant.extents}, std::span<const std::int32_t>{numbers});
}

double number_in(const Tensor& tensor, std::size_t i) {
  switch (tensor.dtype()) {
    case DType::f32:
      return tensor.data<float>()[i];
    case DType::f64:
      return tensor.data<double>()[i];
    default:
      return tensor.data<std::int32_t>()[i];
  }
}

std::string difference(const Tensor& actual, const Tensor& expected, std::size_t output, double tolerance) {
  if (actual.shape() != expected.shape())
    return fmt::format("output {} is {}, not {}", output, to_string(actual.shape()),
                       to_string(expected.shape()));
  for (std::size_t i = 0; std::cmp_less(i, expected.shape().elements()); ++i) {
    const double a = number_in(actual, i);
    const double b = number_in(expected, i);
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    if (!(std::abs(a - b) <= absolute + tolerance * std::abs(b)))
      return fmt::format("output {} has {} at {}, not {}", output, a, i, b);
  }
  return "";
}

// Which inputs are given when the network is loaded, rather than when it runs.
using Fixed = bool (*)(const onnx::Array& input, std::size_t i);

// Empty where all is well.
std::string run_once(const fs::path& model, const fs::path& data, Fixed fixed) {
  const auto graph = onnx::read_file(model);
  const auto inputs = arrays_in(data, "input");
  const auto expected = arrays_in(data, "output");
  ImportOptions options;
  std::vector<Tensor> given;
  std::size_t next = 0;
  for (const auto& input : graph.inputs) {
    bool is_initialized = false;
    for (const auto& array : graph.initializers) is_initialized = is_initialized || array.name == input.name;
    if (is_initialized || next >= inputs.size()) continue;
    const auto tensor = tensor_of(inputs[next], model);
    if (fixed(inputs[next], next))
      options.fixed_inputs.emplace(input.name, tensor);
    else
      given.push_back(tensor);
    ++next;
  }
  const auto network = load_onnx(model, options);
  Tape tape{Mode::inference};
  std::vector<Var> vars;
  for (const auto& tensor : given) vars.push_back(tape.input(tensor.type()));
  std::vector<Var> outputs;
  for (const auto& output : network.apply(tape, vars))
    outputs.push_back(reshape(output, Shape{output.shape()}.extents()));
  Plan plan{tape, outputs, {.rules = fusion_rules()}};
  for (std::size_t i = 0; i < given.size(); ++i) plan.bind(vars[i], given[i]);
  plan.run();
  const auto tolerance = model.string().find("window") == std::string::npos ? relative : relative_of_windows;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto why = difference(plan.output(i), tensor_of(expected[i], data / "output"), i, tolerance);
    if (!why.empty()) return why;
  }
  return "";
}

std::string run_data_set(const fs::path& model, const fs::path& data) {
  const std::vector<Fixed> ways{
      [](const onnx::Array&, std::size_t) { return false; },
      [](const onnx::Array& input, std::size_t) { return !onnx::is_real(input.element); },
      [](const onnx::Array&, std::size_t i) { return i > 0; },
      [](const onnx::Array&, std::size_t) { return true; },
  };
  for (std::size_t i = 0; i + 1 < ways.size(); ++i) {
    try {
      return run_once(model, data, ways[i]);
    } catch (const OnnxUnsupported&) {  // what must be known beforehand may be fixed
    } catch (const Error& error) {
      if (!is_negative_index(error)) throw;
    }
  }
  return run_once(model, data, ways.back());
}

}  // namespace

fs::path onnx_testdata() {
  const char* folder = std::getenv("KEEL_ONNX_TESTDATA");
  return folder == nullptr ? "/usr/share/libonnx-testdata/data" : folder;
}

OnnxOutcome run_onnx_test(const fs::path& folder) {
  using Kind = OnnxOutcome::Kind;
  const auto model = folder / "model.onnx";
  OnnxOutcome outcome{folder.filename(), Kind::passed, "", {}};
  try {
    outcome.operators = onnx::operators_in(model);
    for (int i = 0; fs::exists(folder / fmt::format("test_data_set_{}", i)); ++i) {
      const auto why = run_data_set(model, folder / fmt::format("test_data_set_{}", i));
      if (why.empty()) continue;
      outcome.kind = Kind::failed;
      outcome.why = why;
    }
  } catch (const OnnxUnsupported& error) {
    outcome.kind = Kind::unsupported;
    outcome.why = error.what();
  } catch (const std::exception& error) {
    outcome.kind = Kind::failed;
    outcome.why = error.what();
  }
  return outcome;
}

}  // namespace keel::test
