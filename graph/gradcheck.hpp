#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "keel/graph/fusion.hpp"
#include "keel/graph/tape.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel {

/// Whether the f32 kernels are checked as well.
enum class GradcheckF32 : std::uint8_t {
  where_possible,  ///< the text says what can't be run in f32
  required,        ///< what can't be run in f32 is a fault
  skipped,
};

/// How strictly, and where, a gradient is checked.
struct GradcheckOptions {
  /// 1 for the derivative; 2 for the derivative's own one, by the differentiated inputs and by the upstream
  /// gradient, which becomes an input; and so on. Throws Error below 1.
  int order = 1;
  double step = 1e-5;                ///< of the differences that are tried first, times max(1, |x|)
  double relative_tolerance = 1e-6;  ///< of the numeric value
  double absolute_tolerance = 1e-9;  ///< of the largest element of that input's gradient
  GradcheckF32 f32 = GradcheckF32::where_possible;
  std::uint64_t seed = 1;  ///< of the inputs that are not given, and of all other random numbers
  Mode mode = Mode::training;
  std::vector<Tensor> inputs;  ///< f64 (or s32 labels); empty for normal random numbers of the shapes given
  std::vector<std::size_t> frozen;         ///< inputs that are not differentiated; s32 ones never are
  std::size_t every_element_up_to = 1000;  ///< larger inputs are checked along directions and at a sample
  std::size_t directions = 4;              ///< random ones, of a large input
  std::size_t sample = 20;                 ///< random elements of a large input
  /// Where given, fused kernels must give the gradients of unfused ones. Must live until the check is done.
  std::span<const FusionRule> rules;
};

/// One element's derivative, as the operators give it and as differences do.
struct GradcheckElement {
  /// Stands for a random direction through all elements.
  static constexpr std::size_t direction = static_cast<std::size_t>(-1);

  std::size_t element = 0;
  double analytic = 0.0;
  double numeric = 0.0;  ///< at a kink the nearest value that would be right
  double excess = -1.0;  ///< their difference in multiples of what is allowed
  double step = 0.0;     ///< of the differences, times max(1, |x|)
  bool settled = true;   ///< false where the differences approach no value
  double unknown = 0.0;  ///< how far rounding of the function leaves the numeric value unknown
  bool kink = false;     ///< the derivatives from the left and from the right differ
  double left = 0.0;     ///< at a kink
  double right = 0.0;
};

/// What was found for one input.
struct GradcheckInput {
  std::size_t input = 0;
  std::string name;  ///< "input 0", or a parameter's path
  Shape shape;
  bool ok = false;
  GradcheckElement worst;
  std::vector<GradcheckElement> kinks;
  std::size_t elements = 0;    ///< that were checked one by one
  std::size_t directions = 0;  ///< that were checked besides
  bool reached = true;         ///< operators lead from it to the function's output
  bool independent = false;    ///< no step in it changes the function
  double unknown = 0.0;        ///< the most that rounding of the function leaves unknown of an element
  double largest = 0.0;        ///< magnitude of an element of its gradient
  bool beside_kinks = false;   ///< `worst` was found after the inputs were moved off the kinks

  /// Whether differences of the function say little of its gradient: rounding hides a tenth of it, or more.
  [[nodiscard]] bool hidden() const { return reached && unknown > 0.1 * largest; }
};

/// An operator whose derivative is wrong by itself, on the values that it had in the function.
struct GradcheckFault {
  std::string op;
  SourceLocation where;
  std::vector<GradcheckInput> inputs;        ///< those of the operator that are wrong
  std::vector<std::string> inconsistencies;  ///< as in the report
};

/// What was found when every operator was run in f32.
struct GradcheckF32Report {
  std::vector<std::string> faults;     ///< a sentence for each operator whose f32 kernel is wrong
  std::vector<std::string> unchecked;  ///< and for what can't be run in f32
  std::size_t operators = 0;           ///< that agree
};

/// What a gradient check found.
struct GradcheckReport {
  bool ok = false;
  std::string
      text;  ///< one line an input: the worst element, both values, their difference, what was allowed
  std::vector<GradcheckInput> inputs;
  std::vector<std::string> inconsistencies;  ///< runs that should have agreed and did not
  std::vector<GradcheckFault> faults;
  std::vector<std::string> undecided;  ///< operators that differences can't judge, where it would matter
  GradcheckF32Report f32;
};

/// A stored value of a function whose gradient is checked.
struct GradcheckParameter {
  std::string path;
  Tensor values;  ///< f64, in the memory that the function gives to `Tape::stored`
};

/// Checks the reverse-mode derivative of `function` in double precision, under a random upstream gradient (a
/// constant one cancels in normalizations). It is right when
///
/// - every element of every input agrees with differences of the function, at steps that agree among
///   themselves (`numeric_derivative`). Inputs of more than `every_element_up_to` elements are checked along
///   random directions, each of which moves every element, and at a random sample of elements;
/// - at a kink, such as ReLU's at 0 or a maximum's where two are equal, it lies between the one-sided
///   derivatives. The text says so, and the check is repeated beside the kinks, which hide no fault there;
/// - it is exactly zero for an input that nothing depends on, which the text says;
/// - it is the same, bit for bit, in a second run, in memory full of NaN, and with every value in memory of
///   its own; it is the sum of two gradients for two upstream gradients at once; and the same by fused
///   kernels but for rounding;
/// - each operator, forward and backward, computes in f32 what it computes in f64 from the same values, but
///   for rounding. What can't be run in f32 is named in the text. A fault of a relative 1e-5 shows where an
///   element is made of few others, as in x * x; where it is made of many, one of about 1e-6 times the root of
///   the number of elements of the operator's largest input.
///
/// Where the function is so much larger than its changes that its rounding hides a difference, as in
/// 1e8 + x * x, the derivative must be right as far as can be told, and the text says how far that is. In double,
/// steps of up to 1 in an input of that size tell nothing of a derivative below some 1e-15 of the function. Where
/// they tell less than nine tenths of an input's gradient, as for x in 1e-30 * x * x + y, every operator from
/// there on is checked by itself, at its own scale. One that hides its own changes likewise can't be judged: the
/// text says so, and the gradient does not count as right. (One that jumps where it stands, as a ReLU's derivative
/// does when the ReLU's result moves away from 0, is left to the differences of the whole.) An element is held to 1e-9 of the largest of its
/// input's gradient (`absolute_tolerance`), so that one smaller than that by itself is not checked.
///
/// Where it is wrong, each operator of the function is checked by itself, and those at fault are named.
/// Stored values that the function writes into are put back before every evaluation and at the end. Throws
/// what recording and running `function` throw, and NoValuesError for an input that is undefined.
GradcheckReport gradcheck(const std::function<Var(std::span<const Var>)>& function,
                          std::span<const Shape> shapes, const GradcheckOptions& options = {});
GradcheckReport gradcheck(const std::function<Var(std::span<const Var>)>& function,
                          std::initializer_list<Shape> shapes, const GradcheckOptions& options = {});

/// The same for stored values of the function, in place of its inputs, which are given and not
/// differentiated. They are moved during the check and put back. Nothing is run in f32: that is left to
/// `gradcheck_f32`.
GradcheckReport gradcheck_parameters(const std::function<Var(std::span<const Var>)>& function,
                                     std::span<const GradcheckParameter> parameters,
                                     const GradcheckOptions& options);

/// Runs every operator of `function` and of its derivative in f32, and holds it against f64. Inputs are
/// `inputs`, f64 ones rounded to f32, of which the floating-point ones are differentiated, and so are the
/// stored values `parameters`, all f32. No stored value is changed.
GradcheckF32Report gradcheck_f32(const std::function<Var(std::span<const Var>)>& function,
                                 std::span<const Tensor> inputs,
                                 std::span<const GradcheckParameter> parameters,
                                 const GradcheckOptions& options);

/// Adds what was found in f32 to a report, its text and its verdict.
void add(GradcheckReport& report, GradcheckF32Report f32, const GradcheckOptions& options);

}  // namespace keel
