#include "keel/models/lanczos.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

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

// Scales it to a length of 1, and returns the one that it had; by way of its largest element, as squares
// leave the range of a double first. What is not finite, or nothing, stays as it is.
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

// Turns the rows and columns p and q of a symmetric matrix so that the element between them becomes 0, and
// the columns of `vectors` along (Jacobi 1846).
void rotate(std::vector<Vector>& matrix, std::vector<Vector>& vectors, std::size_t p, std::size_t q) {
  if (matrix[p][q] == 0.0) return;
  const double angle = 0.5 * std::atan2(2.0 * matrix[p][q], matrix[q][q] - matrix[p][p]);
  const double c = std::cos(angle);
  const double s = std::sin(angle);
  const auto turn = [&](double& x, double& y) {
    const double turned = c * x - s * y;
    y = s * x + c * y;
    x = turned;
  };
  for (auto& row : matrix) turn(row[p], row[q]);
  for (std::size_t k = 0; k < matrix.size(); ++k) turn(matrix[p][k], matrix[q][k]);
  for (auto& row : vectors) turn(row[p], row[q]);
}

// The eigenvalues of a small tridiagonal matrix with the weights of the basis that make their vectors, by
// magnitude, largest first.
std::vector<Eigenpair> small_eigenpairs(const Tridiagonal& tridiagonal) {
  constexpr int sweeps = 12;  // each squares what is left beside the diagonal
  const auto size = tridiagonal.diagonal.size();
  std::vector<Vector> matrix(size, Vector(size));
  auto vectors = matrix;
  for (std::size_t i = 0; i < size; ++i) {
    matrix[i][i] = tridiagonal.diagonal[i];
    vectors[i][i] = 1.0;
    if (i > 0) matrix[i][i - 1] = matrix[i - 1][i] = tridiagonal.beside[i - 1];
  }
  for (int sweep = 0; sweep < sweeps; ++sweep)
    for (std::size_t p = 0; p < size; ++p)
      for (std::size_t q = p + 1; q < size; ++q) rotate(matrix, vectors, p, q);
  std::vector<Eigenpair> pairs;
  for (std::size_t i = 0; i < size; ++i) {
    Eigenpair pair{.value = matrix[i][i]};
    for (const auto& row : vectors) pair.vector.push_back(row[i]);
    pairs.push_back(std::move(pair));
  }
  std::ranges::sort(pairs, std::greater{}, [](const Eigenpair& pair) { return std::abs(pair.value); });
  return pairs;
}

// The vectors of the matrix itself.
std::vector<Eigenpair> eigenpairs_in(std::span<const Vector> basis, const Tridiagonal& matrix,
                                     std::size_t count) {
  auto pairs = small_eigenpairs(matrix);
  pairs.resize(std::min(count, pairs.size()));
  for (auto& pair : pairs) {
    Vector vector(basis[0].size());
    for (std::size_t i = 0; i < basis.size(); ++i) add_scaled(vector, pair.vector[i], basis[i]);
    pair.vector = std::move(vector);
  }
  return pairs;
}

std::vector<Eigenpair> without_vectors(const Vector& values) {
  std::vector<Eigenpair> pairs;
  for (const double value : values) pairs.push_back({.value = value, .vector = {}});
  return pairs;
}

}  // namespace

// Lanczos: an orthonormal basis of the Krylov space v, Hv, HHv, ..., in which H is tridiagonal. Each new
// vector is made orthogonal to all before, since rounding would otherwise find the largest one again and
// again. Where the space holds all that it will ever reach, it goes on with a new direction: so an eigenvalue
// that is there several times is found as often.
std::vector<Eigenpair> detail::largest_eigenpairs(const SymmetricProduct& times, std::size_t size,
                                                  std::size_t count, const LanczosOptions& options,
                                                  bool vectors) {
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
    const bool exhausted = !(length > 1e-10 * matrix.radius());
    const bool done = !exhausted && found.size() == count && settled(found, before, options.tolerance);
    if (done || basis.size() == iterations)
      return vectors ? eigenpairs_in(basis, matrix, count) : without_vectors(found);
    matrix.beside.push_back(exhausted ? 0.0 : length);
    basis.push_back(exhausted ? random_direction(size, basis, random) : std::move(next));
  }
}

}  // namespace keel
