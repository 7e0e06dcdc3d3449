#pragma once

// What the tests of gradcheck share: operators whose derivative is made up.

#include <boost/test/unit_test.hpp>

#include "graph_support.hpp"
#include "keel/graph/gradcheck.hpp"

namespace keel::testing {

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// The derivative of a function at x; the element's number is there for faults in one element alone.
using Derivative = std::function<double(double x, std::int64_t element)>;

/// dst = function(src), element by element in f64, with whatever derivative it is said to have.
inline Var elementwise(const std::string& name, const Var& src, const std::function<double(double)>& function,
                       const Derivative& derivative,
                       const SourceLocation& where = SourceLocation::current()) {
  const auto forward = kernel_of([function](auto from, auto to) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = function(from[i]);
  });
  const auto backward = [derivative](const Binding& binding) {
    return Kernel{[derivative, x = binding.input<const double>(0), grad_dst = binding.input<const double>(1),
                   grad_src = binding.output<double>(0), count = binding.output_type(0).shape.elements()] {
                    for (std::int64_t i = 0; i < count; ++i) {
                      grad_src.get()[i] = grad_dst.get()[i] * derivative(x.get()[i], i);
                    }
                  },
                  "loop"};
  };
  const auto vjp = [backward, name](const VjpContext& context) {
    return std::vector{custom({.name = name + "_backward", .bind = backward},
                              {context.inputs[0], context.output_grads[0]}, context.where)};
  };
  return custom({.name = name, .bind = forward, .vjp = vjp}, {src}, where);
}

/// The report blames this operator and no other, for this one of its inputs and no other.
inline void check_blamed(const GradcheckReport& report, const std::string& op, std::size_t input) {
  BOOST_TEST(!report.ok, report.text);
  BOOST_TEST_REQUIRE(report.faults.size() == 1, report.text);
  const auto& fault = report.faults[0];
  BOOST_TEST(fault.op == op, report.text);
  BOOST_TEST_REQUIRE(fault.inputs.size() == 1, report.text);
  BOOST_TEST(fault.inputs[0].input == input, report.text);
  BOOST_TEST(contains(report.text, "at fault: " + op + " at "), report.text);
  BOOST_TEST(contains(report.text, "WRONG"), report.text);
}

/// The report blames this operator and no other, for runs that do not agree.
inline void check_inconsistent(const GradcheckReport& report, const std::string& op,
                               const std::string& what) {
  BOOST_TEST(!report.ok, report.text);
  BOOST_TEST(contains(report.text, what), report.text);
  BOOST_TEST_REQUIRE(report.faults.size() == 1, report.text);
  BOOST_TEST(report.faults[0].op == op, report.text);
  BOOST_TEST_REQUIRE(report.faults[0].inconsistencies.size() >= 1U, report.text);
  BOOST_TEST(contains(report.faults[0].inconsistencies[0], what), report.text);
}

}  // namespace keel::testing
