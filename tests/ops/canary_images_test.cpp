// The same for kernels over images.

#include <boost/test/unit_test.hpp>

#include "canary.hpp"

namespace {

using namespace keel;
using test::Canary;
using test::Vars;

void convolutions(Canary& canary) {
  for (std::int64_t channels = 1; channels <= 33; ++channels) {
    if (channels > 20 && channels < 31) continue;
    for (std::int64_t kernel = 1; kernel <= 3; ++kernel) {
      for (std::int64_t stride = 1; stride <= 3; ++stride) {
        const Conv2dOptions options{.stride = stride, .padding = canary.between(0, 2)};
        const auto outputs = canary.channels();
        canary.check({{canary.between(1, 5), channels, canary.between(3, 9), canary.between(3, 9)},
                      {outputs, channels, kernel, kernel},
                      {outputs}},
                     [&](Vars v) { return std::vector{relu(conv2d(v[0], v[1], v[2], options))}; });
      }
    }
  }
}

// Of kernels of one pixel that skip some: oneDNN gathers what they see in scratch memory.
void strided_points(Canary& canary) {
  for (std::int64_t channels = 1; channels <= 33; ++channels) {
    if (channels > 20 && channels < 31) continue;
    for (int i = 0; i < 4; ++i) {
      const Conv2dOptions options{.stride = {canary.between(1, 3), canary.between(2, 3)}};
      const auto outputs = canary.channels();
      canary.check({{canary.between(1, 5), channels, canary.between(8, 33), canary.between(8, 33)},
                    {outputs, channels, 1, 1},
                    {outputs}},
                   [&](Vars v) { return std::vector{relu(conv2d(v[0], v[1], v[2], options))}; });
    }
  }
}

// A group a channel, groups of some channels, and kernels whose places lie apart, in both directions.
void grouped_convolutions(Canary& canary) {
  for (std::int64_t channels = 1; channels <= 33; ++channels) {
    if (channels > 20 && channels < 31) continue;
    for (std::int64_t kernel = 1; kernel <= 3; ++kernel) {
      const auto groups = canary.between(0, 2) > 0 ? channels : channels % 2 == 0 ? channels / 2 : 1;
      const auto of_group = canary.between(1, 3);
      const Size2d stride = canary.between(1, 3);
      const Size2d padding = canary.between(0, 2);
      const Size2d dilation{canary.between(1, 2), canary.between(1, 3)};
      const auto longest = kernel == 1 ? 33 : 12;
      const Shape images{canary.between(1, 4), channels, canary.between(7, longest),
                         canary.between(7, longest)};
      const Shape weights{groups * of_group, channels / groups, kernel, kernel};
      canary.check({images, weights, {weights[0]}}, [&](Vars v) {
        return std::vector{relu(conv2d(v[0], v[1], v[2], {stride, padding, dilation, groups}))};
      });
      const Size2d behind{canary.between(0, stride.height - 1), canary.between(0, stride.width - 1)};
      canary.check({images, {channels, of_group, kernel, kernel}, {groups * of_group}}, [&](Vars v) {
        return std::vector{conv_transpose2d(v[0], v[1], v[2], {stride, padding, behind, dilation, groups})};
      });
    }
  }
}

void larger_convolutions(Canary& canary) {
  for (int i = 0; i < 100; ++i) {
    const Conv2dOptions options{.stride = {canary.between(1, 3), canary.between(1, 3)},
                                .padding = {canary.between(0, 2), canary.between(0, 2)}};
    const auto channels = canary.channels();
    canary.check({{canary.between(1, 5), channels, canary.between(10, 33), canary.between(10, 33)},
                  {canary.channels(), channels, canary.between(1, 3), canary.between(1, 3)}},
                 [&](Vars v) { return std::vector{conv2d(v[0], v[1], {}, options)}; });
  }
}

void pooling(Canary& canary) {
  for (int i = 0; i < 60; ++i) {
    const Size2d kernel{canary.between(1, 3), canary.between(1, 3)};
    const Pool2dOptions options{
        .kernel = kernel,
        .stride = {canary.between(1, 3), canary.between(1, 3)},
        .padding = {canary.between(0, kernel.height / 2), canary.between(0, kernel.width / 2)}};
    canary.check({canary.images()}, [&](Vars v) { return std::vector{max_pool2d(v[0], options)}; });
    canary.check({canary.images()}, [&](Vars v) { return std::vector{average_pool2d(v[0], options)}; });
    const Size2d size{canary.between(1, 9), canary.between(1, 9)};
    canary.check({canary.images()}, [&](Vars v) { return std::vector{adaptive_average_pool2d(v[0], size)}; });
    const Shape larger{canary.between(1, 3), canary.channels(), canary.between(7, 12), canary.between(7, 12)};
    canary.check({larger}, [&](Vars v) {
      return std::vector{max_pool2d(v[0], {kernel, options.stride, options.padding, {2, 3}})};
    });
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(canary_test)

BOOST_AUTO_TEST_CASE(no_kernel_over_images_writes_beside_its_memory_or_leaves_a_part_of_it_unwritten) {
  Canary canary;
  convolutions(canary);
  strided_points(canary);
  grouped_convolutions(canary);
  larger_convolutions(canary);
  pooling(canary);
  for (const auto& name : canary.operators()) BOOST_TEST_MESSAGE(name);
}

BOOST_AUTO_TEST_SUITE_END()
