// Curvature of a network's loss: against a Hessian that is written out, and along gradient descent.

#include "keel/tools/training/sharpness.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <numeric>

#include "../../support/study_support.hpp"
#include "keel/graph/converted.hpp"
#include "keel/models/hessian.hpp"
#include "keel/models/initialize.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/threads.hpp"
#include "keel/tools/data/batches.hpp"
#include "keel/tools/training/loss_surface.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;
using Matrix = std::vector<std::vector<double>>;

// A network of few weights on twelve images, in f64.
struct SmallLoss {
  explicit SmallLoss(const char* model)
      : network{network_for(tiny_data(), {.model = model, .hidden = {2}, .batch_size = 12})} {
    initialize(network, Rng{3}, DType::f64);
    BatchGatherer batch{tiny_data().train, 12};
    batch.gather(std::array<std::int32_t, 12>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
    images = converted(batch.images(), DType::f64);
    labels = batch.labels().clone();
  }

  // By differences of the gradient along each weight.
  Matrix dense() {
    LossSurface surface{network};
    const auto here = surface.weights();
    Matrix rows;
    for (std::size_t i = 0; i < here.size(); ++i) {
      constexpr double step = 1e-5;
      std::vector<double> unit(here.size());
      unit[i] = 1.0;
      surface.set_weights(moved(here, step, unit));
      auto row = surface.look(images, labels).gradient;
      surface.set_weights(moved(here, -step, unit));
      row = moved(row, -1.0, surface.look(images, labels).gradient);
      for (auto& element : row) element /= 2.0 * step;
      rows.push_back(std::move(row));
    }
    surface.set_weights(here);
    return rows;
  }

  Network network;
  Tensor images;
  Tensor labels;
};

struct Dense {
  std::vector<double> values;  // by magnitude, largest first
  Matrix vectors;              // a row each
};

// Jacobi's rotations.
Dense eigen(Matrix a) {
  const auto n = a.size();
  double largest = 0.0;
  for (const auto& row : a) largest = std::max(largest, length(row));
  Matrix v(n, std::vector<double>(n));
  for (std::size_t i = 0; i < n; ++i) v[i][i] = 1.0;
  for (int sweep = 0; sweep < 12; ++sweep) {
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        if (std::abs(a[p][q]) < 1e-15 * largest) continue;
        const double angle = 0.5 * std::atan2(2.0 * a[p][q], a[q][q] - a[p][p]);
        const double c = std::cos(angle);
        const double s = std::sin(angle);
        for (std::size_t k = 0; k < n; ++k)
          std::tie(a[k][p], a[k][q]) = std::pair{c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]};
        for (std::size_t k = 0; k < n; ++k) {
          std::tie(a[p][k], a[q][k]) = std::pair{c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]};
          std::tie(v[p][k], v[q][k]) = std::pair{c * v[p][k] - s * v[q][k], s * v[p][k] + c * v[q][k]};
        }
      }
    }
  }
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, std::greater{}, [&](std::size_t i) { return std::abs(a[i][i]); });
  Dense result;
  for (const auto i : order) {
    result.values.push_back(a[i][i]);
    result.vectors.push_back(v[i]);
  }
  return result;
}

void check_against_dense(SmallLoss& problem) {
  constexpr std::size_t count = 4;
  auto rows = problem.dense();
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) rows[i][j] = rows[j][i] = 0.5 * (rows[i][j] + rows[j][i]);
  const auto expected = eigen(rows);
  const auto gradient = LossSurface{problem.network}.look(problem.images, problem.labels).gradient;
  double share = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& vector = expected.vectors[i];
    share += std::pow(std::inner_product(vector.begin(), vector.end(), gradient.begin(), 0.0), 2.0);
  }
  share /= length(gradient) * length(gradient);
  const auto found = spectrum(problem.network, problem.images, problem.labels, count,
                              {.iterations = 80, .tolerance = 1e-10});
  BOOST_TEST_REQUIRE(found.eigenvalues.size() == count);
  for (std::size_t i = 0; i < count; ++i)
    BOOST_TEST(std::abs(found.eigenvalues[i] - expected.values[i]) < 1e-6 * std::abs(expected.values[0]), i);
  BOOST_TEST(std::abs(found.gradient_share - share) < 1e-4);
}

BOOST_AUTO_TEST_SUITE(sharpness_study)

BOOST_AUTO_TEST_CASE(the_largest_eigenvalues_and_the_gradient_in_their_space_are_those_of_a_dense_hessian) {
  const ThreadLimit one_thread{1};
  for (const char* model : {"plain", "bn"}) {
    BOOST_TEST_CONTEXT(model) {
      SmallLoss problem{model};
      check_against_dense(problem);
    }
  }
}

// With the batch's own statistics as constants the loss is the same, and what it depends on is not.
BOOST_AUTO_TEST_CASE(constant_statistics_have_another_hessian) {
  const ThreadLimit one_thread{1};
  SmallLoss problem{"bn"};
  const auto look = [&] {
    return spectrum(problem.network, problem.images, problem.labels, 1, {.tolerance = 1e-8});
  };
  const auto moving = look();
  freeze_population_statistics(problem.network, problem.images);
  const auto constant = look();
  BOOST_TEST(constant.loss == moving.loss,
             boost::test_tools::tolerance(0.05));  // unbiased variance, of twelve
  BOOST_TEST(std::abs(constant.eigenvalues[0] / moving.eigenvalues[0] - 1.0) > 0.05);
  check_against_dense(problem);
}

BOOST_AUTO_TEST_CASE(the_surface_leaves_the_network_as_it_was) {
  const ThreadLimit one_thread{1};
  SmallLoss problem{"bn"};
  LossSurface all{problem.network};
  const LossSurface matrices{problem.network, LossSurface::Of::matrices};
  BOOST_TEST(all.weights().size() == 2U * 64 + 2 + 2 + 2 * 5 + 5);
  BOOST_TEST(matrices.weights().size() == 2U * 64 + 2 * 5);
  const auto [loss, gradient] = all.look(problem.images, problem.labels);
  BOOST_TEST(all.look(problem.images, problem.labels).gradient == gradient, boost::test_tools::per_element());
  const auto here = all.weights();
  constexpr double step = 1e-6;
  all.set_weights(moved(here, step, gradient));
  const double slope = (all.look(problem.images, problem.labels).loss - loss) / step;
  BOOST_TEST(slope == length(gradient) * length(gradient), boost::test_tools::tolerance(1e-4));
  BOOST_CHECK_THROW(all.set_weights(std::vector<double>(3)), Error);
}

// Below 2 over the largest curvature each step of gradient descent lowers the loss; far above it diverges.
BOOST_AUTO_TEST_CASE(descent_is_stable_below_two_over_the_sharpness) {
  const ThreadLimit one_thread{1};
  const auto losses = [](double rate) {
    SmallLoss problem{"plain"};
    const LanczosOptions lanczos{.tolerance = 1e-6};
    const auto largest = spectrum(problem.network, problem.images, problem.labels, 1, lanczos).eigenvalues[0];
    std::vector<double> result;
    for (const auto& look :
         descend(problem.network, problem.images, problem.labels,
                 {.learning_rate = rate / largest, .steps = 10, .between_looks = 2}, lanczos)) {
      if (look.step == 0) BOOST_TEST(look.sharpness == largest, boost::test_tools::tolerance(1e-3));
      result.push_back(look.loss);
    }
    return result;
  };
  const auto stable = losses(0.5);
  BOOST_TEST_REQUIRE(stable.size() == 6U);
  BOOST_TEST(std::ranges::is_sorted(stable, std::greater{}));
  const auto unstable = losses(100.0);
  BOOST_TEST(std::ranges::max(unstable) > unstable.front());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
