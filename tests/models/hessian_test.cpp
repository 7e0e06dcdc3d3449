// The Hessian of a model's loss, against differences of its gradient and against a matrix that is written out.

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
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

// Of one linear layer on one sample x the Hessian of the cross-entropy by the weights is (diag(p) - p p^T) times
// x x^T, p being the softmax (Boehning 1992): its eigenvalues are those of the first factor times |x|^2.
BOOST_AUTO_TEST_CASE(the_sharpness_of_logistic_regression_has_a_closed_form) {
  Linear model{3, 2, {.bias = false}};
  initialize(model, Rng{3}, DType::f64);
  const Tensor x = Tensor::of<double>({1, 3}, {1.0, -2.0, 0.5});
  const Tensor label = Tensor::of<std::int32_t>({1}, {1});
  Inference inference{model};
  const auto logits = inference(x).data<double>();
  const double p = 1 / (1 + std::exp(logits[1] - logits[0]));
  const double largest = 2 * p * (1 - p) * (1.0 + 4.0 + 0.25);
  Hessian hessian{model, cross_entropy, {x}, {label}};
  const auto found = hessian.largest_eigenvalues(2);
  BOOST_TEST_REQUIRE(found.size() == 2U);
  BOOST_TEST(std::abs(found[0] - largest) < 1e-12);
  BOOST_TEST(std::abs(found[1]) < 1e-12);
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

// Where an eigenvalue no longer changes in its last digits, its vector is off by no more than their root.
BOOST_AUTO_TEST_CASE(vectors_of_the_largest_eigenvalues) {
  Problem problem;
  const auto expected = eigenvalues(problem.dense());
  auto hessian = problem.hessian();
  const auto pairs = hessian.largest_eigenpairs(5, {.iterations = hessian.size(), .tolerance = 0.0});
  BOOST_TEST_REQUIRE(pairs.size() == 5U);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    BOOST_TEST(std::abs(pairs[i].value - expected[i]) < 1e-6 * std::abs(expected[0]));
    auto multiple = pairs[i].vector;
    for (auto& element : multiple) element *= pairs[i].value;
    BOOST_TEST(test::within(hessian.times(pairs[i].vector), multiple, 1e-6 * std::abs(expected[0])));
    for (std::size_t j = 0; j <= i; ++j) {
      double product = 0.0;
      for (std::size_t k = 0; k < hessian.size(); ++k) product += pairs[i].vector[k] * pairs[j].vector[k];
      BOOST_TEST(std::abs(product - (i == j ? 1.0 : 0.0)) < 1e-10, i << " " << j);
    }
  }
  const auto values = hessian.largest_eigenvalues(5, {.iterations = hessian.size(), .tolerance = 0.0});
  for (std::size_t i = 0; i < values.size(); ++i)
    BOOST_TEST(std::abs(values[i] - pairs[i].value) < 1e-12 * std::abs(values[0]));
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

BOOST_AUTO_TEST_CASE(it_follows_what_is_done_to_the_model) {
  Problem problem;
  auto hessian = problem.hessian();
  const auto whole = problem.dense();
  const auto size = hessian.size();
  freeze(problem.net.fc1);
  BOOST_TEST(hessian.size() == size - 16);
  std::vector<double> unit(hessian.size());
  unit.back() = 1.0;
  const auto row = hessian.times(unit);
  BOOST_TEST(test::within(row, std::span{whole.back()}.subspan(16), 1e-7));
  unfreeze(problem.net.fc1);
  BOOST_TEST(hessian.times(std::vector<double>(size, 1.0)).size() == size);
  const Net moved = std::move(problem.net);
  BOOST_CHECK_THROW(hessian.times(std::vector<double>(size, 1.0)), Error);
}

// Half the sum of d_i w_i^2, whose Hessian is the diagonal matrix of d.
struct Quadratic {
  Parameter w{Shape{3}, Initializer::constant(1)};

  Var operator()(const Var& d) const { return d * square(w.on(d.tape(), "w")) * 0.5; }
  void visit(auto&& each) { each("w", w); }
};

BOOST_AUTO_TEST_CASE(eigenvalues_of_a_diagonal_matrix_at_any_scale) {
  Quadratic model;
  initialize(model, Rng{1}, DType::f64);
  const auto total = [](const Var& terms) { return sum(terms); };
  const auto eigenvalues_of = [&](std::initializer_list<double> diagonal, std::size_t count) {
    Hessian hessian{model, total, {Tensor::of<double>({3}, diagonal)}, {}};
    return hessian.largest_eigenvalues(count, {.tolerance = 0.0});
  };
  const auto check = [](const std::vector<double>& found, const std::vector<double>& expected) {
    BOOST_TEST(test::within(found, expected, 1e-12 * std::abs(expected[0])));
  };
  for (const double scale : {1e-300, 1e-160, 1.0, 1e160, 1e200})
    check(eigenvalues_of({1 * scale, -3 * scale, 2 * scale}, 3), {-3 * scale, 2 * scale, 1 * scale});
  check(eigenvalues_of({5, 5, 1}, 2), {5, 5});
  check(eigenvalues_of({1, 1, 1}, 3), {1, 1, 1});
  BOOST_TEST(eigenvalues_of({0, 0, 0}, 2) == std::vector<double>(2), boost::test_tools::per_element());
  BOOST_CHECK_THROW(eigenvalues_of({1, std::numeric_limits<double>::infinity(), 1}, 1), NonFiniteError);
}

struct TwoNorms {
  BatchNorm first{2}, second{2};
  Linear fc{2, 2};
  Var operator()(const Var& x) const { return second(fc(first(x))); }
  void visit(auto&& each) { each("first", first), each("second", second), each("fc", fc); }
};

BOOST_AUTO_TEST_CASE(statistics_stay_when_a_run_fails) {
  TwoNorms model;
  initialize(model, Rng{1}, DType::f64);
  const auto all = parameters(model);
  const auto statistics = [&] {
    std::vector<std::vector<double>> values;
    for (const auto& [path, parameter] : all)
      if (parameter->kind() != Parameter::Kind::trained) values.push_back(test::values(parameter->value()));
    return values;
  };
  const auto before = statistics();
  Tensor weights = std::ranges::find(all, "fc.weights", &NamedParameter::path)->parameter->value();
  weights.data<double>()[0] = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = test::converted(test::random_tensor({4, 2}, 1), DType::f64);
  Hessian hessian{model, mse, {x}, {x}};
  BOOST_CHECK_THROW(hessian.times(std::vector<double>(hessian.size(), 1.0)), NonFiniteError);
  BOOST_TEST((statistics() == before));
}

BOOST_AUTO_TEST_CASE(no_eigenvalues_are_none) {
  Problem problem;
  auto hessian = problem.hessian();
  BOOST_TEST(hessian.largest_eigenvalues(0).empty());
  BOOST_TEST(hessian.largest_eigenvalues(3, {.iterations = 2}).size() == 2U);
  freeze(problem.net);
  BOOST_TEST(hessian.largest_eigenvalues(3).empty());
  BOOST_TEST(hessian.largest_eigenpairs(3).empty());
}

BOOST_AUTO_TEST_CASE(a_vector_of_another_length_is_refused) {
  Problem problem;
  auto hessian = problem.hessian();
  BOOST_TEST(test::throws_with<ShapeError>([&] { (void)hessian.times(std::vector<double>(3)); },
                                           {"Hessian of", "vector of 3 elements"}));
}

BOOST_AUTO_TEST_SUITE_END()
