#include "keel/models/average.hpp"

#include <algorithm>
#include <cstddef>
#include <span>

#include "keel/runtime/error.hpp"

namespace keel {
namespace {

// Counts of updates are statistics of rank 0.
bool is_averaged(const Parameter& parameter) {
  const bool is_count = parameter.kind() == Parameter::Kind::statistic && parameter.shape().rank() == 0;
  const auto dtype = parameter.value().dtype();
  return parameter.kind() != Parameter::Kind::state && !is_count &&
         (dtype == DType::f32 || dtype == DType::f64);
}

// By who holds the elements: what is initialized anew lies where it lay.
bool have_one_holder(const Tensor& a, const Tensor& b) {
  return !a.buffer().owner_before(b.buffer()) && !b.buffer().owner_before(a.buffer());
}

template <class T>
void move_average(std::span<T> average, std::span<const T> value, double decay) {
  const auto kept = static_cast<T>(decay);
  const auto weight = static_cast<T>(1.0 - decay);
  for (std::size_t i = 0; i < average.size(); ++i) average[i] = kept * average[i] + weight * value[i];
}

}  // namespace

Average::Average(std::function<std::vector<NamedParameter>()> parameters, const AverageOptions& options)
    : parameters_(std::move(parameters)), options_(options), updates_(Shape{}, DType::f64) {
  require_fraction("decay", options.decay);
  follow_model();
}

std::int64_t Average::updates() const {
  return static_cast<std::int64_t>(updates_.data<double>()[0]);
}

// A parameter that is initialized anew gets a new holder of its values.
void Average::follow_model() {
  std::map<std::string, Averaged> now;
  for (const auto& named : parameters_()) {
    const auto& value = detail::values_of(named);
    if (!is_averaged(*named.parameter)) continue;
    const auto known = arrays_.find(named.path);
    if (known != arrays_.end() && have_one_holder(known->second.value, value))
      now.emplace(named.path, std::move(known->second));
    else
      now.emplace(named.path, Averaged{value, value.clone()});
  }
  arrays_ = std::move(now);
}

void Average::update() {
  require_out_of_place();
  follow_model();
  auto& updates = updates_.data<double>()[0];
  const double decay =
      options_.warm_up ? std::min(options_.decay, (1.0 + updates) / (10.0 + updates)) : options_.decay;
  for (const auto& [path, array] : arrays_) {
    const auto& [value, average] = array;
    if (value.dtype() == DType::f64)
      move_average<double>(average.data<double>(), value.data<double>(), decay);
    else
      move_average<float>(average.data<float>(), value.data<float>(), decay);
  }
  updates += 1.0;
}

std::vector<OptimizerState> Average::state() {
  follow_model();
  std::vector<OptimizerState> result{{"", "updates", updates_}};
  for (const auto& [path, array] : arrays_) result.push_back({path, "average", array.average});
  return result;
}

void Average::exchange() const {
  for (const auto& [path, array] : arrays_)
    std::swap_ranges(array.value.bytes(), array.value.bytes() + array.value.type().bytes(),
                     array.average.bytes());
}

void Average::require_out_of_place() const {
  if (in_place_) throw Error{"an average was used while the model holds it: end the scope of in_place first"};
}

Average::Scope::Scope(Average& average) : average_(average) {
  average.require_out_of_place();
  average.follow_model();
  average.exchange();
  average.in_place_ = true;
}

Average::Scope::~Scope() {
  average_.exchange();
  average_.in_place_ = false;
}

}  // namespace keel
