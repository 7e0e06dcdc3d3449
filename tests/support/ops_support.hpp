#pragma once

// What the tests of operators and models share: random inputs, one function recorded in f32 and f64 alike,
// and error bounds that follow from the arithmetic.

#include <boost/test/tools/assertion_result.hpp>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "keel/graph/plan.hpp"
#include "keel/graph/tape.hpp"
#include "keel/runtime/tensor.hpp"
#include "random_tensor.hpp"

namespace keel::test {

/// The largest relative error of one correctly rounded f32 operation.
inline constexpr double unit_roundoff = 0x1p-24;

/// A bound on the error of one exponential or logarithm near 1: oneDNN's kernels evaluate polynomials, which
/// are good to about 18 bits there (log(1) comes out as 1.4e-6).
inline constexpr double transcendental_error = 0x1p-18;

/// A bound, times the terms' magnitudes, on the error of a sum of `terms` rounded products
/// in any order. Rounding errors are as good as independent, so they grow with the root of their number
/// (Higham and Mary 2019; the factor 4 is their lambda), not with the number itself.
double summation_error(std::int64_t terms);

/// One f32 tensor a shape, from consecutive seeds.
std::vector<Tensor> random_tensors(std::initializer_list<Shape> shapes, std::uint64_t seed = 1);
/// `count` labels in [0, classes).
Tensor random_labels(std::int64_t count, std::int64_t classes, std::uint64_t seed = 1);

/// The same elements in the floating-point type `dtype`; labels stay s32.
Tensor converted(const Tensor& tensor, DType dtype);
/// The elements of an f32 or f64 tensor, each of which a double holds exactly.
std::vector<double> values(const Tensor& tensor);

/// The function under test, recorded on the tape of its inputs.
using Function = std::function<std::vector<Var>(std::span<const Var>)>;

struct Evaluation {
  std::vector<std::vector<double>> outputs;
  std::vector<std::vector<double>> gradients;  ///< of each differentiated input, by output 0
  std::vector<std::string> steps;              ///< the plan's operators, in order
  std::vector<std::string> implementations;    ///< of each step
};

struct EvaluationOptions {
  DType dtype = DType::f32;
  bool fused = false;               ///< with every fusion rule, else with none
  bool differentiated = true;       ///< with gradients, under a random upstream gradient of output 0
  bool absolute = false;            ///< of the absolute values of all inputs and of the upstream gradient
  std::vector<Tensor> inputs;       ///< f32 or s32, converted to `dtype`
  std::vector<std::size_t> frozen;  ///< inputs that are not differentiated; s32 ones never are
  std::uint64_t upstream = 77;      ///< seed of the upstream gradient
};

/// Records `function` and, where asked, its derivative, compiles and runs it once.
Evaluation evaluate(const Function& function, const EvaluationOptions& options);

/// The upstream gradient that `evaluate` uses for an output of that shape.
Tensor upstream_gradient(const Shape& shape, std::uint64_t seed = 77);

/// Whether every |actual - expected| is at most its bound; the text names the worst element.
boost::test_tools::assertion_result within(std::span<const double> actual, std::span<const double> expected,
                                           std::span<const double> bounds);
boost::test_tools::assertion_result within(std::span<const double> actual, std::span<const double> expected,
                                           double bound);

/// Checks the f32 kernels of `function`, which must be made of sums of products alone, and of its derivative
/// against the f64 reference on the same numbers. No result may be off by more than `summation_error(terms)`
/// times what the same sum of absolute values comes to.
void check_sums_of_products(const Function& function, const std::vector<Tensor>& inputs, std::int64_t terms);

/// Checks that f32 and f64 give the same numbers to the last bit: for functions that only pass elements on.
void check_exact(const Function& function, const std::vector<Tensor>& inputs);

/// How far f32 batch normalization may be off, element by element.
struct BatchNormBounds {
  std::vector<double> dst;
  std::vector<double> mean;
  std::vector<double> variance;
  std::vector<double> grad_src;
  std::vector<double> grad_gamma;
  std::vector<double> grad_beta;
};

struct BatchNormCase {
  Tensor src;
  Tensor gamma;
  Tensor beta;
  std::vector<double> upstream;  ///< the gradient of dst
  double epsilon = 1e-5;
  Tensor mean = {};  ///< given statistics; undefined for the batch's own
  Tensor variance = {};
};

/// The bounds, by following the rounding errors of a two-pass mean and variance through the formulas.
BatchNormBounds batch_norm_bounds(const BatchNormCase& values);

/// Whether `call` throws an Exception whose text contains all of `parts`.
template <class Exception>
boost::test_tools::assertion_result throws_with(const std::function<void()>& call,
                                                std::initializer_list<std::string_view> parts) {
  boost::test_tools::assertion_result result{true};
  try {
    call();
  } catch (const Exception& exception) {
    for (const auto part : parts) {
      if (std::string_view{exception.what()}.find(part) != std::string_view::npos) continue;
      result = false;
      result.message() << "'" << part << "' is not in: " << exception.what();
    }
    return result;
  }
  result = false;
  result.message() << "nothing was thrown";
  return result;
}

}  // namespace keel::test
