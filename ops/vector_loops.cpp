#include "keel/ops/vector_loops.hpp"

#include "keel/ops/vector_loop_bodies.hpp"

namespace keel::loops {

bool momentum_sweep(double* parameter, double* velocity, const double* grad, std::int64_t count,
                    double learning_rate, double momentum) {
  return momentum_sweep_body(parameter, velocity, grad, count, learning_rate, momentum);
}

bool velocity_sweep(double* parameter, const double* velocity, std::int64_t count, double learning_rate) {
  return velocity_sweep_body(parameter, velocity, count, learning_rate);
}

}  // namespace keel::loops
