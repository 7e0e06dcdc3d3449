#include "keel/models/hessian.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "keel/graph/gradients.hpp"
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

// Scales it to a length of 1, and returns the one that it had.
double normalize(Vector& vector) {
  const double length = std::sqrt(dot(vector, vector));
  for (auto& element : vector) element /= length;
  return length;
}

// A symmetric matrix with one diagonal above and one below its own.
struct Tridiagonal {
  Vector diagonal;
  Vector beside;

  /// How many eigenvalues are below `bound`: as many as pivots of T - bound are negative (Sylvester's law).
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

  /// Of all eigenvalues in rising order the one at `index`, by bisection.
  [[nodiscard]] double eigenvalue(std::size_t index) const {
    double radius = 0.0;  // of a circle around 0 that holds all of them (Gershgorin)
    for (std::size_t i = 0; i < diagonal.size(); ++i) {
      const double left = i == 0 ? 0.0 : std::abs(beside[i - 1]);
      const double right = i + 1 == diagonal.size() ? 0.0 : std::abs(beside[i]);
      radius = std::max(radius, std::abs(diagonal[i]) + left + right);
    }
    double low = -radius;
    double high = radius;
    while (high - low > 1e-12 * radius) {
      const double middle = std::midpoint(low, high);
      (below(middle) > index ? high : low) = middle;
    }
    return std::midpoint(low, high);
  }

  /// The `count` largest by magnitude, largest first.
  [[nodiscard]] Vector largest(std::size_t count) const {
    Vector all;
    for (std::size_t i = 0; i < diagonal.size(); ++i) {
      if (i < count || i + count >= diagonal.size()) all.push_back(eigenvalue(i));
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
  if (wrt.size() != vectors.size()) {
    throw Error{fmt::format("hessian_vector_product at {}: {} vectors for {} values; give one of each shape",
                            describe(where), vectors.size(), wrt.size())};
  }
  const auto grads = gradients(loss, wrt, where);
  return gradients(grads, vectors, wrt, where);
}

Hessian::Hessian(const std::vector<NamedParameter>& parameters, const std::vector<Tensor>& inputs,
                 const std::vector<Tensor>& targets, const std::function<Var(std::span<const Var>)>& loss,
                 const SourceLocation& where)
    : tape_(std::make_unique<Tape>(Mode::training)) {
  std::vector<Var> trained;
  std::vector<Var> vectors;
  for (const auto& named : parameters) {
    const Tensor& values = detail::values_of(named);
    if (named.parameter->kind() != Parameter::Kind::trained) kept_.push_back(values);
    if (named.parameter->kind() != Parameter::Kind::trained || named.parameter->frozen()) continue;
    trained.push_back(tape_->stored(values, named.path));
    vectors_.emplace_back(values.type());
    vectors.push_back(tape_->stored(vectors_.back(), "vector of " + named.path));
    size_ += static_cast<std::size_t>(values.shape().elements());
  }
  std::vector<Var> batch;
  for (const auto& tensors : {inputs, targets}) {
    for (const auto& tensor : tensors) batch.push_back(tape_->stored(tensor, "batch"));
  }
  plan_.emplace(*tape_, hessian_vector_product(loss(batch), trained, vectors, where));
}

std::vector<double> Hessian::times(std::span<const double> vector) {
  if (vector.size() != size_) {
    throw ShapeError{fmt::format("a Hessian of {} parameters was multiplied by a vector of {} elements",
                                 size_, vector.size())};
  }
  for (auto& part : vectors_) {
    const auto count = static_cast<std::size_t>(part.shape().elements());
    copy_from(vector.first(count), part);
    vector = vector.subspan(count);
  }
  std::vector<Tensor> before;
  for (const auto& tensor : kept_) before.push_back(tensor.clone());
  plan_->run();
  for (std::size_t i = 0; i < kept_.size(); ++i)
    std::copy_n(before[i].bytes(), before[i].type().bytes(), kept_[i].bytes());
  Vector product;
  for (std::size_t i = 0; i < vectors_.size(); ++i) append(plan_->output(i), product);
  return product;
}

// Lanczos: an orthonormal basis of the Krylov space v, Hv, HHv, ..., in which H is tridiagonal. Each new vector
// is made orthogonal to all before, twice, since rounding would otherwise find the largest one again and again.
std::vector<double> Hessian::largest_eigenvalues(std::size_t count, const LanczosOptions& options) {
  std::vector<Vector> basis(1, Vector(size_));
  auto random = Rng{options.seed}.stream("lanczos");
  for (auto& element : basis[0]) element = random.normal();
  normalize(basis[0]);
  Tridiagonal matrix;
  Vector found;
  double largest = 0.0;
  const auto iterations = std::min(options.iterations, size_);
  for (std::size_t i = 0; i < iterations; ++i) {
    Vector next = times(basis[i]);
    matrix.diagonal.push_back(dot(next, basis[i]));
    for (int pass = 0; pass < 2; ++pass)
      for (const auto& earlier : basis) add_scaled(next, -dot(next, earlier), earlier);
    const double length = normalize(next);
    if (!std::isfinite(length) && !std::isfinite(matrix.diagonal.back()))
      throw NonFiniteError{"the Hessian is not finite: the loss or its derivatives have overflowed"};
    const auto before = std::exchange(found, matrix.largest(count));
    largest = std::max(largest, std::abs(found[0]));
    const bool invariant = !(length > 1e-10 * largest);  // the space holds all that it will ever reach
    if (invariant || (found.size() == count && settled(found, before, options.tolerance))) break;
    matrix.beside.push_back(length);
    basis.push_back(std::move(next));
  }
  return found;
}

}  // namespace keel
