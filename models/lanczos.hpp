#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace keel {

/// How the largest eigenvalues of a matrix are looked for.
struct LanczosOptions {
  std::size_t iterations = 60;  ///< the most products that are taken
  double tolerance = 1e-4;      ///< of the largest one: it ends when the last one changed none by more
  std::uint64_t seed = 1;       ///< of the vector that it starts from
};

/// An eigenvalue, and a vector of length 1 that the matrix maps to its multiple by it.
struct Eigenpair {
  double value = 0.0;
  std::vector<double> vector;
};

namespace detail {

/// The product of a symmetric matrix with a vector.
using SymmetricProduct = std::function<std::vector<double>(const std::vector<double>& vector)>;

/// The `count` largest eigenvalues, by magnitude, of a symmetric matrix of `size` rows, largest first, and
/// vectors of these if they are asked for, across each other: by Lanczos' iteration (Lanczos 1950) with all
/// vectors kept orthogonal. As `Hessian::largest_eigenvalues`. Throws NonFiniteError when a product is not
/// finite.
std::vector<Eigenpair> largest_eigenpairs(const SymmetricProduct& times, std::size_t size, std::size_t count,
                                          const LanczosOptions& options, bool vectors);

}  // namespace detail

}  // namespace keel
