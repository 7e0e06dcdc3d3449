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

bool decayed_velocity_sweep(double* parameter, double* velocity, std::int64_t count, double learning_rate,
                            double weight_decay) {
  return decayed_velocity_sweep_body(parameter, velocity, count, learning_rate, weight_decay);
}

bool sgd_sweep(double* parameter, double* velocity, const double* grad, std::int64_t count,
               SgdStep<double> step) {
  return sgd_sweep_body(parameter, velocity, grad, count, step);
}

bool adam_sweep(double* parameter, double* mean, double* variance, const double* grad, std::int64_t count,
                AdamStep<double> step) {
  return adam_sweep_body(parameter, mean, variance, grad, count, step);
}

double sum_of_squares(const double* src, std::int64_t count) {
  return sum_of_squares_body(src, count);
}

void scaled_copy(const double* src, double* dst, std::int64_t count, double factor) {
  scaled_copy_body(src, dst, count, factor);
}

}  // namespace keel::loops
