#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <dnnl.hpp>
#include <limits>
#include <memory>
#include <new>

#include "../support/graph_support.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/graph/plan.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/mlp.hpp"
#include "keel/models/sgd.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/ops/fusion_rules.hpp"
#include "keel/runtime/threads.hpp"

// A replay makes no heap allocation. This file replaces the allocation functions of its test program to
// count.

namespace {

const void* base_of(const void* address) {
  Dl_info info{};
  return dladdr(address, &info) != 0 ? info.dli_fbase : nullptr;
}

std::atomic<bool> counting = false;
std::atomic<int> allocations = 0;
// oneDNN makes a map of the arguments whenever a primitive is run: that is not keel's to change.
const void* const onednn = base_of(reinterpret_cast<const void*>(&dnnl_version));

}  // namespace

// Not to be inlined: the caller is told by its address, and gcc takes an inlined pair for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  if (counting && base_of(__builtin_return_address(0)) != onednn) ++allocations;
  return std::malloc(bytes > 0 ? bytes : 1);
}
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  if (counting && base_of(__builtin_return_address(0)) != onednn) ++allocations;
  if (void* memory = std::malloc(bytes > 0 ? bytes : 1)) return memory;
  throw std::bad_alloc{};
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace {

using keel::DType;
using keel::Shape;
using keel::Tensor;
using keel::Var;

constexpr std::int64_t batch = 32;

// The heap allocations in three replays of a training step of a net with batch norm: the least of a few tries,
// since a plan on several threads makes kernels for one when other programs first keep it waiting.
int allocations_of_training(DType dtype) {
  keel::Mlp model{{.inputs = 200, .hidden = {200, 50}, .classes = 3, .batch_norm = true}};
  keel::Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  keel::initialize(model, keel::Rng{3}, dtype);
  keel::Tape tape;
  const Var images = tape.input({batch, 200}, dtype, "images");
  const Var labels = tape.input({batch}, DType::s32, "labels");
  const Var loss = keel::cross_entropy(model(images), labels);
  std::vector<Var> trained;
  for (const auto& [path, parameter] : keel::parameters(model)) {
    if (parameter->kind() == keel::Parameter::Kind::trained) {
      trained.push_back(tape.stored(parameter->value(), path));
    }
  }
  sgd.update(trained, keel::gradients(loss, trained));
  keel::Plan plan{tape, std::array{loss}, {.rules = keel::fusion_rules()}};
  const std::array data{keel::testing::random_tensor({batch, 200}, dtype, 1),
                        keel::testing::random_tensor({batch, 200}, dtype, 2)};
  plan.bind(images, data[0]);
  plan.bind(labels, Tensor{Shape{batch}, DType::s32});
  plan.run();  // the first run may start threads

  int least = std::numeric_limits<int>::max();
  for (int i = 0; i < 3; ++i) {
    allocations = 0;
    counting = true;
    plan.run();
    plan.bind(images, data[1]);
    plan.run();
    plan.run();
    counting = false;
    least = std::min(least, static_cast<int>(allocations));
  }
  return least;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(plan_allocation_test)

BOOST_AUTO_TEST_CASE(allocations_are_counted) {
  allocations = 0;
  counting = true;
  const auto allocated = std::make_unique<double>(1.0);
  counting = false;
  BOOST_TEST(*allocated == 1.0);
  BOOST_TEST(allocations == 1);
}

BOOST_AUTO_TEST_CASE(a_replay_of_a_training_step_allocates_nothing) {
  for (const int threads : {1, 2}) {
    const keel::ThreadLimit limit{threads};
    BOOST_TEST(allocations_of_training(DType::f32) == 0);
    BOOST_TEST(allocations_of_training(DType::f64) == 0);
  }
}

BOOST_AUTO_TEST_SUITE_END()
