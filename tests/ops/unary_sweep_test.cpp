// The f32 kernels of one array against the f64 reference, over a sample of all f32 numbers. Over all 2^32 of
// them, of one operator or of each (some ten minutes on two processors), the sweep goes where the environment
// asks for it,
//   KEEL_UNARY_SWEEP=exp|...|all test-ops --run_test=unary_sweep_test
// and prints the largest errors, which the README's table and elementwise.hpp give.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numbers>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "../support/graph_support.hpp"
#include "../support/ops_support.hpp"
#include "keel/graph/tape.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/power.hpp"
#include "keel/ops/relu.hpp"
#include "keel/runtime/threads.hpp"

namespace {

using namespace keel;

struct Swept {
  std::string name;
  Var (*function)(const Var& src, const Var& ones);
  double limit;  // of the error, in units in the last place
  double (*magnitude)(double) =
      nullptr;            // of what a result is the sum of, if the units are to be those of that
  bool keeps_nan = true;  // relu's is held by its own tests
};

// The derivative of the function that made `dst`, as a function of what it reads.
Var backward(const Var& dst, const Var& read, const Var& ones) {
  const std::array needed{true};
  return testing::operator_of(dst)->vjp({.inputs = {&read, 1},
                                         .outputs = {&read, 1},
                                         .output_grads = {&ones, 1},
                                         .needed = needed,
                                         .where = SourceLocation::current()})[0];
}

const std::vector<Swept> functions{
    {"negate", [](const Var& x, const Var&) { return negate(x); }, 0.0},
    {"exp", [](const Var& x, const Var&) { return exp(x); }, 1.03},
    {"log", [](const Var& x, const Var&) { return log(x); }, 0.85},
    {"sqrt", [](const Var& x, const Var&) { return sqrt(x); }, 0.5},
    {"square", [](const Var& x, const Var&) { return square(x); }, 0.5},
    {"relu", [](const Var& x, const Var&) { return relu(x); }, 0.0, nullptr, false},
    {"leaky_relu", [](const Var& x, const Var&) { return leaky_relu(x); }, 0.85},
    {"sigmoid", [](const Var& x, const Var&) { return sigmoid(x); }, 2.41},
    {"tanh", [](const Var& x, const Var&) { return tanh(x); }, 2.5},
    {"gelu", [](const Var& x, const Var&) { return gelu(x); }, 2.87},
    {"abs", [](const Var& x, const Var&) { return abs(x); }, 0.0},
    {"sign", [](const Var& x, const Var&) { return sign(x); }, 0.0},
    {"floor", [](const Var& x, const Var&) { return floor(x); }, 0.0},
    {"ceil", [](const Var& x, const Var&) { return ceil(x); }, 0.0},
    {"round", [](const Var& x, const Var&) { return round(x); }, 0.0},
    {"clamp", [](const Var& x, const Var&) { return clamp(x, -0.75, 15.0); }, 0.0},
    {"log1p", [](const Var& x, const Var&) { return log1p(x); }, 2.47},
    {"expm1", [](const Var& x, const Var&) { return expm1(x); }, 1.74},
    {"softplus", [](const Var& x, const Var&) { return softplus(x); }, 2.81},
    {"silu", [](const Var& x, const Var&) { return silu(x); }, 3.4},
    {"elu", [](const Var& x, const Var&) { return elu(x); }, 1.74},
    {"erf", [](const Var& x, const Var&) { return erf(x); }, 1.32},
    {"sin", [](const Var& x, const Var&) { return sin(x); }, 1.58},
    {"cos", [](const Var& x, const Var&) { return cos(x); }, 1.59},
    {"tan", [](const Var& x, const Var&) { return tan(x); }, 4.0},
    {"reciprocal", [](const Var& x, const Var&) { return reciprocal(x); }, 0.5},
    {"pow 2", [](const Var& x, const Var&) { return pow(x, 2); }, 0.5},
    {"pow -1.7", [](const Var& x, const Var&) { return pow(x, -1.7); }, 0.51},
    // As functions of what they read.
    {"leaky_relu_backward",
     [](const Var& x, const Var& ones) { return backward(leaky_relu(x, 0.25), x, ones); }, 0.0},
    {"sigmoid_backward", [](const Var& x, const Var& ones) { return backward(sigmoid(x), x, ones); }, 1.5},
    {"tanh_backward", [](const Var& x, const Var& ones) { return backward(tanh(x), x, ones); }, 1.5},
    // Phi(x) + x phi(x) has a root near -0.75.
    {"gelu_backward", [](const Var& x, const Var& ones) { return backward(gelu(x), x, ones); }, 3.88,
     [](double x) {
       return std::erfc(-x / std::numbers::sqrt2) / 2.0 +
              std::abs(x) * std::exp(-x * x / 2.0) / std::sqrt(2.0 * std::numbers::pi);
     }},
};

constexpr double wrong = std::numeric_limits<double>::infinity();

// The distance of `value` from `exact` in units in the last place of `magnitude`: those of denormal numbers
// below 2^-126. What rounds to infinity counts as 2^128; an infinity or a NaN that is not the exact one's is
// infinitely wrong.
double distance_in_units(float value, double exact, double magnitude) {
  if (std::isnan(value) || std::isnan(exact)) return std::isnan(value) && std::isnan(exact) ? 0.0 : wrong;
  if (std::isinf(exact) && !std::isinf(value)) return wrong;
  const auto bounded = [](double number) { return std::clamp(number, -0x1p128, 0x1p128); };
  const auto power = std::bit_cast<double>(std::bit_cast<std::uint64_t>(magnitude) & 0x7FFULL << 52U);
  return std::abs(bounded(value) - bounded(exact)) / (std::clamp(power, 0x1p-126, 0x1p127) * 0x1p-23);
}

// The same in units of the exact result, whose sign must be that of `value` also where this is 0.
double error_in_units(float value, double exact) {
  const double distance = distance_in_units(value, exact, std::abs(exact));
  return std::isnan(exact) || std::signbit(value) == std::signbit(exact) ? distance : wrong;
}

struct Worst {
  double error = 0.0;
  float src = 0.0F;
  float value = 0.0F;
  double exact = 0.0;
};

// Both kernels of a function, run on one block of numbers after another.
class Sweep {
 public:
  static constexpr std::int64_t block = 1 << 14;

  explicit Sweep(const Swept& swept) : swept_(swept) {
    std::ranges::fill(ones_.data<float>(), 1.0F);
    for (const auto& src : {single_src_, double_src_}) {
      Tape tape;
      const Var x = tape.input(src.type());
      const Var ones = tape.input(src.type());
      const Var y = swept.function(x, ones);
      plans_.emplace_back(tape, std::span{&y, 1}, PlanOptions{.rules = {}});
      plans_.back().bind(x, src);
      plans_.back().bind(ones, test::converted(ones_, src.dtype()));
    }
  }

  // `bits` are those of at most `block` numbers.
  void run(std::span<const std::uint32_t> bits) {
    const auto src = single_src_.data<float>();
    std::ranges::transform(bits, src.begin(), [](std::uint32_t b) { return std::bit_cast<float>(b); });
    std::ranges::copy(src, double_src_.data<double>().begin());
    for (auto& plan : plans_) plan.run();
    const auto values = plans_[0].output(0).data<float>();
    const auto exact = plans_[1].output(0).data<double>();
    for (std::size_t i = 0; i < bits.size(); ++i) {
      if (!swept_.keeps_nan && std::isnan(src[i])) continue;
      const double error =
          swept_.magnitude == nullptr
              ? error_in_units(values[i], exact[i])
              : distance_in_units(values[i], exact[i], swept_.magnitude(static_cast<double>(src[i])));
      if (error > worst_.error) worst_ = {error, src[i], values[i], exact[i]};
    }
  }
  [[nodiscard]] const Worst& worst() const { return worst_; }

 private:
  const Swept& swept_;
  Tensor single_src_{Shape{block}};
  Tensor double_src_{Shape{block}, DType::f64};
  Tensor ones_{Shape{block}};
  std::vector<Plan> plans_;
  Worst worst_;
};

// Every 4099th number, and those around where a function or its kernel changes its ways.
std::vector<std::uint32_t> sample() {
  std::vector<std::uint32_t> bits;
  constexpr std::uint64_t all = 1ULL << 32U;
  for (std::uint64_t b = 0; b < all; b += 4099) bits.push_back(static_cast<std::uint32_t>(b));
  for (const float magnitude : {0.0F,
                                0x1p-126F,
                                0x1p-64F,
                                0.34657359F,
                                0.70710678F,
                                0.75F,
                                1.0F,
                                1.41421356F,
                                9.01091F,
                                10.0F,
                                14.17F,
                                15.0F,
                                17.32868F,
                                87.33655F,
                                88.72284F,
                                89.0F,
                                103.97208F,
                                104.5F,
                                0x1p64F,
                                std::numeric_limits<float>::max(),
                                std::numeric_limits<float>::infinity(),
                                std::numeric_limits<float>::quiet_NaN()}) {
    for (const float center : {magnitude, -magnitude})
      for (std::uint32_t i = 0; i < 256; ++i) bits.push_back(std::bit_cast<std::uint32_t>(center) + i - 128U);
  }
  return bits;
}

Worst worst_of_sample(const Swept& swept, std::span<const std::uint32_t> bits) {
  Sweep sweep{swept};
  while (!bits.empty()) {
    const auto part = bits.first(std::min<std::size_t>(bits.size(), Sweep::block));
    sweep.run(part);
    bits = bits.subspan(part.size());
  }
  return sweep.worst();
}

// Over all numbers, in as many parts as there are processors.
Worst worst_of_all(const Swept& swept) {
  const auto parts = static_cast<std::uint32_t>(available_processors());
  std::vector<Worst> worsts(parts);
  {
    std::vector<std::jthread> threads;
    for (std::uint32_t part = 0; part < parts; ++part) {
      threads.emplace_back([&, part] {
        const ThreadLimit alone{1};
        Sweep sweep{swept};
        std::vector<std::uint32_t> bits(Sweep::block);
        constexpr std::uint32_t blocks = (1ULL << 32U) / Sweep::block;
        for (std::uint32_t block = part; block < blocks; block += parts) {
          std::iota(bits.begin(), bits.end(), block * static_cast<std::uint32_t>(Sweep::block));
          sweep.run(bits);
        }
        worsts[part] = sweep.worst();
      });
    }
  }
  return *std::ranges::max_element(worsts, {}, &Worst::error);
}

// "", an operator or "all"
std::string asked_for() {
  const char* asked = std::getenv("KEEL_UNARY_SWEEP");
  return asked == nullptr ? "" : asked;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(unary_sweep_test)

BOOST_AUTO_TEST_CASE(no_result_is_off_by_more_than_is_written_down) {
  const auto asked = asked_for();
  BOOST_REQUIRE_MESSAGE(
      asked.empty() || asked == "all" || std::ranges::count(functions, asked, &Swept::name) == 1,
      "KEEL_UNARY_SWEEP names no operator: " << asked);
  const auto bits = sample();
  for (const auto& swept : functions) {
    const bool all = asked == "all" || asked == swept.name;
    const auto worst = all ? worst_of_all(swept) : worst_of_sample(swept, bits);
    const auto text =
        fmt::format("{}: {:.4f} units in the last place at {:.9g}, which gives {:.9g}, not {:.9g}",
                    swept.name, worst.error, worst.src, worst.value, worst.exact);
    if (all) fmt::print("{}\n", text);
    BOOST_TEST(worst.error <= swept.limit, text);
  }
}

BOOST_AUTO_TEST_CASE(errors_are_counted_in_the_exact_result_s_units) {
  BOOST_TEST(error_in_units(1.0F, 1.0) == 0.0);
  BOOST_TEST(error_in_units(0x1.000002p0F, 1.0) == 1.0);
  BOOST_TEST(error_in_units(0x1.fffffep-1F, 1.0) == 0.5);
  BOOST_TEST(error_in_units(0x1p-149F, 0x1.8p-149) == 0.5);
  BOOST_TEST(error_in_units(0.0F, 1e-300) < 1e-200);
  BOOST_TEST(error_in_units(std::numeric_limits<float>::max(), 1e300) == 1.0);
  BOOST_TEST(error_in_units(static_cast<float>(wrong), 1e300) == 0.0);
  BOOST_TEST(error_in_units(-0.0F, 0.0) == wrong);
  BOOST_TEST(error_in_units(1.0F, std::nan("")) == wrong);
  BOOST_TEST(error_in_units(static_cast<float>(std::nan("")), 1.0) == wrong);
  BOOST_TEST(error_in_units(static_cast<float>(wrong), wrong) == 0.0);
  BOOST_TEST(error_in_units(std::numeric_limits<float>::max(), wrong) == wrong);
  BOOST_TEST(error_in_units(static_cast<float>(wrong), 1.0) > 1e9);
  BOOST_TEST(distance_in_units(-0x1p-24F, 0.0, 1.0) == 0.5);
}

BOOST_AUTO_TEST_SUITE_END()
