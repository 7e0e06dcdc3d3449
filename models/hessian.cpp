#include "keel/models/hessian.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <utility>

#include "keel/graph/gradients.hpp"
#include "keel/models/statistics_guard.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/rng.hpp"

namespace keel {
namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

void add_scaled(Vector& to, double factor, const Vector& what) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += factor * what[i];
}

// Scales it to a length of 1, and returns the one that it had; by way of its largest element, as squares leave the
// range of a double first. What is not finite, or nothing, stays as it is.
double normalize(Vector& vector) {
  double largest = 0.0;
  for (const double element : vector) {
    if (!std::isfinite(element)) return element;
    largest = std::max(largest, std::abs(element));
  }
  if (largest == 0.0) return 0.0;
  for (auto& element : vector) element /= largest;
  const double length = std::sqrt(dot(vector, vector));
  for (auto& element : vector) element /= length;
  return largest * length;
}

// Takes its parts along `basis` from it, twice, as rounding leaves some of them.
void orthogonalize(Vector& vector, std::span<const Vector> basis) {
  for (int pass = 0; pass < 2; ++pass)
    for (const auto& earlier : basis) add_scaled(vector, -dot(vector, earlier), earlier);
}

// A random vector of length 1 across all of `basis`.
Vector random_direction(std::size_t size, std::span<const Vector> basis, Rng& random) {
  Vector vector(size);
  for (auto& element : vector) element = random.normal();
  orthogonalize(vector, basis);
  normalize(vector);
  return vector;
}

// A symmetric matrix with one diagonal above and one below its own.
struct Tridiagonal {
  Vector diagonal;
  Vector beside;

  // Of a circle around 0 that holds all eigenvalues (Gershgorin).
  [[nodiscard]] double radius() const {
    double radius = 0.0;
    for (std::size_t i = 0; i < diagonal.size(); ++i) {
      const double left = i == 0 ? 0.0 : std::abs(beside[i - 1]);
      const double right = i + 1 == diagonal.size() ? 0.0 : std::abs(beside[i]);
      radius = std::max(radius, std::abs(diagonal[i]) + left + right);
    }
    return radius;
  }

  // How many eigenvalues are below `bound`: as many as pivots of T - bound are negative (Sylvester's law).
  [[nodiscard]] std::size_t below(double bound) const {
    std::size_t count = 0;
    double pivot = 1.0;
    for (std::size_t i = 0; i < diagonal.size(); ++i) {
      pivot = diagonal[i] - bound - (i == 0 ? 0.0 : beside[i - 1] * beside[i - 1] / pivot);
      if (pivot == 0.0) pivot = 1e-300;
      if (pivot < 0.0) ++count;
    }
    return count;
  }

  // Of all eigenvalues, which lie between -1 and 1, in rising order the one at `index`, by bisection.
  [[nodiscard]] double eigenvalue(std::size_t index) const {
    double low = -1.0;
    double high = 1.0;
    while (high - low > 1e-15) {
      const double middle = std::midpoint(low, high);
      (below(middle) > index ? high : low) = middle;
    }
    return std::midpoint(low, high);
  }

  /// The `count` largest by magnitude, largest first.
  [[nodiscard]] Vector largest(std::size_t count) const {
    const double scale = radius();
    if (scale == 0.0) {
      Vector zeros(std::min(count, diagonal.size()));
      return zeros;
    }
    Tridiagonal scaled = *this;
    for (auto& element : scaled.diagonal) element /= scale;
    for (auto& element : scaled.beside) element /= scale;
    Vector all;
    for (std::size_t i = 0; i < diagonal.size(); ++i) {
      if (i < count || i + count >= diagonal.size()) all.push_back(scale * scaled.eigenvalue(i));
    }
    std::ranges::sort(all, std::greater{}, [](double value) { return std::abs(value); });
    all.resize(std::min(all.size(), count));
    return all;
  }
};

bool settled(const Vector& now, const Vector& before, double tolerance) {
  if (now.size() != before.size()) return false;
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (std::abs(now[i] - before[i]) > tolerance * std::abs(now[0])) return false;
  }
  return true;
}

void copy_from(std::span<const double> elements, Tensor& tensor) {
  const auto copy = [&](auto to) {
    std::ranges::transform(elements, to.begin(),
                           [](double x) { return static_cast<typename decltype(to)::value_type>(x); });
  };
  if (tensor.dtype() == DType::f64)
    copy(tensor.data<double>());
  else
    copy(tensor.data<float>());
}

void append(const Tensor& tensor, Vector& elements) {
  const auto add = [&](auto from) { elements.insert(elements.end(), from.begin(), from.end()); };
  if (tensor.dtype() == DType::f64)
    add(tensor.data<double>());
  else
    add(tensor.data<float>());
}

}  // namespace

std::vector<Var> hessian_vector_product(const Var& loss, std::span<const Var> wrt,
                                        std::span<const Var> vectors, const SourceLocation& where) {
  if (wrt.empty() && vectors.empty()) return {};
  if (wrt.size() != vectors.size()) {
    throw Error{fmt::format("hessian_vector_product at {}: {} vectors for {} values; give one of each shape",
                            describe(where), vectors.size(), wrt.size())};
  }
  const auto grads = gradients(loss, wrt, where);
  return gradients(grads, vectors, wrt, where);
}

std::vector<NamedParameter> detail::trained_of(const std::vector<NamedParameter>& parameters) {
  std::vector<NamedParameter> trained;
  std::ranges::copy_if(parameters, std::back_inserter(trained), [](const NamedParameter& named) {
    return named.parameter->kind() == Parameter::Kind::trained && !named.parameter->frozen();
  });
  return trained;
}

std::vector<Var> detail::record_hessian(std::span<const NamedParameter> trained, const Var& loss,
                                        std::span<const Var> vectors, const SourceLocation& where) {
  std::vector<Var> wrt;
  for (const auto& named : trained) wrt.push_back(loss.tape().stored(values_of(named), named.path));
  return hessian_vector_product(loss, wrt, vectors, where);
}

std::size_t Hessian::size() const {
  if (!parameters_) detail::refuse_moved();
  std::int64_t elements = 0;
  for (const auto& named : detail::trained_of(parameters_())) elements += named.parameter->shape().elements();
  return static_cast<std::size_t>(elements);
}

std::vector<double> Hessian::times(std::span<const double> vector) {
  if (watch_.changed()) function_.forget();
  const auto all = parameters_();
  if (vector.size() != size()) {
    throw ShapeError{fmt::format("a Hessian of {} parameters was multiplied by a vector of {} elements",
                                 size(), vector.size())};
  }
  auto given = batch_;
  for (const auto& named : detail::trained_of(all)) {
    Tensor part{detail::values_of(named).type()};
    const auto count = static_cast<std::size_t>(part.shape().elements());
    copy_from(vector.first(count), part);
    vector = vector.subspan(count);
    given.push_back(std::move(part));
  }
  const StatisticsGuard guard{all};
  const Plan& plan = function_(given);
  Vector product;
  for (std::size_t i = 0; i + batch_.size() < given.size(); ++i) append(plan.output(i), product);
  return product;
}

// Lanczos: an orthonormal basis of the Krylov space v, Hv, HHv, ..., in which H is tridiagonal. Each new vector
// is made orthogonal to all before, since rounding would otherwise find the largest one again and again. Where
// the space holds all that it will ever reach, it goes on with a new direction: so an eigenvalue that is there
// several times is found as often.
std::vector<double> Hessian::largest_eigenvalues(std::size_t count, const LanczosOptions& options) {
  const auto size = this->size();
  const auto iterations = std::min(options.iterations, size);
  if (iterations == 0 || count == 0) return {};
  auto random = Rng{options.seed}.stream("lanczos");
  std::vector<Vector> basis{random_direction(size, {}, random)};
  Tridiagonal matrix;
  Vector found;
  while (true) {
    Vector next = times(basis.back());
    matrix.diagonal.push_back(dot(next, basis.back()));
    orthogonalize(next, basis);
    const double length = normalize(next);
    if (!std::isfinite(length) || !std::isfinite(matrix.diagonal.back()))
      throw NonFiniteError{"the Hessian is not finite: the loss or its derivatives have overflowed"};
    const auto before = std::exchange(found, matrix.largest(count));
    if (basis.size() == iterations) return found;
    const bool exhausted = !(length > 1e-10 * matrix.radius());
    if (!exhausted && found.size() == count && settled(found, before, options.tolerance)) return found;
    matrix.beside.push_back(exhausted ? 0.0 : length);
    basis.push_back(exhausted ? random_direction(size, basis, random) : std::move(next));
  }
}

}  // namespace keel
