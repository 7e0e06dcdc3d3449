#include "keel/models/average.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <utility>

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

// The difference is what is scaled: that of equal numbers is 0.
template <class T>
void move_average(std::span<T> average, std::span<const T> value, double weight) {
  for (std::size_t i = 0; i < average.size(); ++i) {
    const double from = average[i];
    average[i] = static_cast<T>(from + weight * (static_cast<double>(value[i]) - from));
  }
}

}  // namespace

struct Average::Kept {
  // A parameter's values, known by who holds them, and their average.
  struct Averaged {
    Tensor value;
    Tensor average;
  };

  void follow_model();
  void exchange() const;
  void require_out_of_place() const;

  std::function<std::vector<NamedParameter>()> parameters;
  AverageOptions options;
  Tensor updates{Shape{}, DType::f64};
  std::map<std::string, Averaged> arrays = {};  // by path
  bool in_place = false;
};

// A parameter that is initialized anew gets a new holder of its values.
void Average::Kept::follow_model() {
  std::map<std::string, Averaged> now;
  bool any_known = false;
  for (const auto& named : parameters()) {
    const auto& value = detail::values_of(named);
    if (!is_averaged(*named.parameter)) continue;
    const auto known = arrays.find(named.path);
    const bool goes_on = known != arrays.end() && have_one_holder(known->second.value, value);
    any_known = any_known || goes_on;
    now.emplace(named.path, goes_on ? known->second : Averaged{value, value.clone()});
  }
  if (!any_known) updates.data<double>()[0] = 0.0;
  arrays = std::move(now);
}

void Average::Kept::exchange() const {
  for (const auto& [path, array] : arrays)
    std::swap_ranges(array.value.bytes(), array.value.bytes() + array.value.type().bytes(),
                     array.average.bytes());
}

void Average::Kept::require_out_of_place() const {
  if (in_place) throw Error{"an average was used while the model holds it: end the scope of in_place first"};
}

Average::Average(std::function<std::vector<NamedParameter>()> parameters, const AverageOptions& options)
    : kept_(std::make_shared<Kept>(Kept{std::move(parameters), options})) {
  require_fraction("decay", options.decay);
  kept_->follow_model();
}

Average::Average(const Average& other) : kept_(std::make_shared<Kept>(*other.kept())) {
  kept_->require_out_of_place();
  kept_->updates = kept_->updates.clone();
  for (auto& [path, array] : kept_->arrays) array.average = array.average.clone();
}

Average& Average::operator=(const Average& other) {
  if (this != &other) *this = Average{other};
  return *this;
}

const std::shared_ptr<Average::Kept>& Average::kept() const {
  if (kept_) return kept_;
  throw Error{"an average was used that was moved away: use the one that it was moved into"};
}

std::int64_t Average::updates() const {
  return static_cast<std::int64_t>(kept()->updates.data<double>()[0]);
}

void Average::update() {
  kept()->require_out_of_place();
  kept_->follow_model();
  const auto& options = kept_->options;
  auto& updates = kept_->updates.data<double>()[0];
  const double decay =
      options.warm_up ? std::min(options.decay, (1.0 + updates) / (10.0 + updates)) : options.decay;
  for (const auto& [path, array] : kept_->arrays) {
    const auto& [value, average] = array;
    if (value.dtype() == DType::f64)
      move_average<double>(average.data<double>(), value.data<double>(), 1.0 - decay);
    else
      move_average<float>(average.data<float>(), value.data<float>(), 1.0 - decay);
  }
  updates += 1.0;
}

std::vector<OptimizerState> Average::state() {
  kept()->require_out_of_place();
  kept_->follow_model();
  std::vector<OptimizerState> result{{"", "updates", kept_->updates}};
  for (const auto& [path, array] : kept_->arrays) result.push_back({path, "average", array.average});
  return result;
}

Average::Scope::Scope(std::shared_ptr<Kept> kept) : kept_(std::move(kept)) {
  kept_->require_out_of_place();
  kept_->follow_model();
  kept_->exchange();
  kept_->in_place = true;
}

Average::Scope::~Scope() {
  kept_->exchange();
  kept_->in_place = false;
}

}  // namespace keel
