// The Hessian of a model's loss, against differences of its gradient and against a matrix that is written out.

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using Matrix = std::vector<std::vector<double>>;

struct Net {
  Linear fc1{3, 4}, fc2{4, 2};
  BatchNorm bn{4};

  Var operator()(const Var& x) const { return fc2(tanh(bn(fc1(x)))); }
  void visit(auto&& each) { each("fc1", fc1), each("bn", bn), each("fc2", fc2); }
};

struct Problem {
  Net net;
  Tensor inputs = test::converted(test::random_tensor({6, 3}, 1), DType::f64);
  Tensor targets = test::converted(test::random_tensor({6, 2}, 2), DType::f64);

  Problem() { initialize(net, Rng{5}, DType::f64); }

  Hessian hessian() { return Hessian{net, mse, {inputs}, {targets}}; }

  // The gradient at the present values, of all parameters one after the other.
  std::vector<double> gradient() {
    Tape tape{Mode::training};
    std::vector<Var> wrt;
    for (const auto& [path, parameter] : parameters(net)) {
      if (parameter->kind() == Parameter::Kind::trained) wrt.push_back(tape.stored(parameter->value(), path));
    }
    const Var loss = mse(net(tape.stored(inputs, "x")), tape.stored(targets, "y"));
    Plan plan{tape, gradients(loss, wrt)};
    plan.run();
    std::vector<double> all;
    for (std::size_t i = 0; i < wrt.size(); ++i) {
      const auto elements = plan.output(i).data<double>();
      all.insert(all.end(), elements.begin(), elements.end());
    }
    return all;
  }

  // By central differences of the gradient.
  Matrix dense() {
    Matrix rows;
    for (const auto& [path, parameter] : parameters(net)) {
      if (parameter->kind() != Parameter::Kind::trained) continue;
      Tensor values = parameter->value();
      for (auto& element : values.data<double>()) {
        constexpr double step = 1e-5;
        const double before = element;
        element = before + step;
        auto row = gradient();
        element = before - step;
        const auto left = gradient();
        element = before;
        for (std::size_t i = 0; i < row.size(); ++i) row[i] = (row[i] - left[i]) / (2 * step);
        rows.push_back(std::move(row));
      }
    }
    return rows;
  }
};

// The eigenvalues of a symmetric matrix, by Jacobi's rotations.
std::vector<double> eigenvalues(Matrix a) {
  const auto n = a.size();
  for (int sweep = 0; sweep < 50; ++sweep) {
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        const double angle = 0.5 * std::atan2(2 * a[p][q], a[q][q] - a[p][p]);
        const double c = std::cos(angle);
        const double s = std::sin(angle);
        for (std::size_t k = 0; k < n; ++k) {
          const double x = a[p][k];
          a[p][k] = c * x - s * a[q][k];
          a[q][k] = s * x + c * a[q][k];
        }
        for (std::size_t k = 0; k < n; ++k) {
          const double x = a[k][p];
          a[k][p] = c * x - s * a[k][q];
          a[k][q] = s * x + c * a[k][q];
        }
      }
    }
  }
  std::vector<double> values;
  for (std::size_t i = 0; i < n; ++i) values.push_back(a[i][i]);
  std::ranges::sort(values, std::greater{}, [](double value) { return std::abs(value); });
  return values;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hessian_test)

BOOST_AUTO_TEST_CASE(times_each_unit_vector_is_the_difference_of_gradients) {
  Problem problem;
  const auto dense = problem.dense();
  auto hessian = problem.hessian();
  BOOST_TEST_REQUIRE(hessian.size() == dense.size());
  for (std::size_t i = 0; i < dense.size(); ++i) {
    std::vector<double> unit(dense.size());
    unit[i] = 1.0;
    BOOST_TEST(test::within(hessian.times(unit), dense[i], 1e-7), "column " << i);
  }
}

BOOST_AUTO_TEST_CASE(lanczos_finds_the_largest_eigenvalues) {
  Problem problem;
  const auto expected = eigenvalues(problem.dense());
  auto hessian = problem.hessian();
  const auto found = hessian.largest_eigenvalues(4, {.tolerance = 1e-9});
  BOOST_TEST_REQUIRE(found.size() == 4U);
  for (std::size_t i = 0; i < found.size(); ++i)
    BOOST_TEST(std::abs(found[i] - expected[i]) < 1e-6 * std::abs(expected[0]));
  Net net;  // the same one, in f32
  initialize(net, Rng{5});
  const Tensor inputs = test::converted(problem.inputs, DType::f32);
  const Tensor targets = test::converted(problem.targets, DType::f32);
  const double narrow = Hessian{net, mse, {inputs}, {targets}}.largest_eigenvalues(1)[0];
  BOOST_TEST(std::abs(narrow - expected[0]) < 1e-3 * std::abs(expected[0]));
}

BOOST_AUTO_TEST_CASE(the_model_stays_as_it_is_and_its_new_values_are_seen) {
  Problem problem;
  auto hessian = problem.hessian();
  std::vector<std::vector<double>> before;
  for (const auto& [path, parameter] : parameters(problem.net))
    before.push_back(test::values(parameter->value()));
  const std::vector<double> ones(hessian.size(), 1.0);
  const auto product = hessian.times(ones);
  BOOST_TEST(hessian.times(ones) == product);
  std::size_t i = 0;
  for (const auto& [path, parameter] : parameters(problem.net))
    BOOST_TEST(test::values(parameter->value()) == before[i++], path);
  for (const auto& [path, parameter] : parameters(problem.net)) {
    Tensor values = parameter->value();
    if (path == "fc2.weights")
      for (auto& element : values.data<double>()) element *= 2.0;
  }
  BOOST_TEST(hessian.times(ones) != product);
}

BOOST_AUTO_TEST_CASE(a_vector_of_another_length_is_refused) {
  Problem problem;
  auto hessian = problem.hessian();
  BOOST_TEST(test::throws_with<ShapeError>([&] { (void)hessian.times(std::vector<double>(3)); },
                                           {"Hessian of", "vector of 3 elements"}));
}

BOOST_AUTO_TEST_SUITE_END()
