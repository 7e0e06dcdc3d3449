// Convolutions and pooling.

#include <algorithm>

#include "generator.hpp"

namespace keel::differential {
namespace {

double as_option(std::int64_t value) {
  return static_cast<double>(value);
}

void append(std::vector<double>& options, std::initializer_list<std::int64_t> more) {
  std::ranges::transform(more, std::back_inserter(options), as_option);
}

std::int64_t some_dilation(Draft& draft) {
  return draft.chance(80) ? 1 : 1 + draft.below(3);
}

// Into how many groups so many channels are divided: mostly one; else as many as there are, or half of them.
std::int64_t some_groups(Draft& draft, std::int64_t channels) {
  if (draft.chance(70)) return 1;
  return channels % 2 == 0 && draft.chance(30) ? channels / 2 : channels;
}

std::size_t add_conv2d(Draft& draft, std::string_view, std::size_t source) {
  const auto src = draft.images(source);
  const auto shape = draft.builder.shape(src);
  const auto kernel = draft.chance(40) ? 1 : 1 + draft.below(3);
  const auto width = draft.chance(80) ? kernel : 1 + draft.below(3);
  const auto stride = 1 + draft.below(3);
  const auto padding = draft.chance(50) ? 0 : draft.below(3);
  const auto groups = some_groups(draft, shape[1]);
  const auto channels =
      groups == 1 ? draft.extent(draft.chance(85) ? 20 : 33) : groups * (1 + draft.below(2));
  std::vector<std::size_t> operands{src, draft.parameter({channels, shape[1] / groups, kernel, width})};
  if (draft.chance(60)) operands.push_back(draft.parameter({channels}));
  const auto across = draft.chance(80) ? stride : 1 + draft.below(3);
  const auto beside = draft.chance(80) ? padding : draft.below(3);
  std::vector<double> options{as_option(stride), as_option(across), as_option(padding), as_option(beside)};
  append(options, {some_dilation(draft), some_dilation(draft), groups});
  return draft.builder.add_step("conv2d", operands, options);
}

std::size_t add_pooling(Draft& draft, std::string_view name, std::size_t source) {
  const auto src = draft.images(source);
  std::vector<double> options;
  for (int i = 0; i < 2; ++i) options.push_back(as_option(1 + draft.below(3)));
  for (int i = 0; i < 2; ++i) options.push_back(as_option(1 + draft.below(3)));
  for (std::size_t i = 0; i < 2; ++i)
    options.push_back(as_option(draft.below(static_cast<std::int64_t>(options[i]) / 2 + 1)));
  if (name == "max_pool2d") append(options, {some_dilation(draft), some_dilation(draft)});
  return draft.builder.add_step(std::string{name}, {src}, options);
}

std::size_t add_conv_transpose2d(Draft& draft, std::string_view name, std::size_t source) {
  const auto src = draft.images(source);
  const auto channels = draft.builder.shape(src)[1];
  const auto groups = some_groups(draft, channels);
  const auto outputs = groups == 1 ? draft.extent(20) : 1 + draft.below(2);
  const auto kernel = 1 + draft.below(3);
  std::vector<std::size_t> operands{src, draft.parameter({channels, outputs, kernel, 1 + draft.below(3)})};
  if (draft.chance(60)) operands.push_back(draft.parameter({outputs * groups}));
  const auto down = 1 + draft.below(3);
  const auto across = draft.chance(80) ? down : 1 + draft.below(3);
  std::vector<double> options;
  append(options, {down, across, draft.below(2), draft.below(2), some_dilation(draft), some_dilation(draft),
                   groups, draft.below(down), draft.below(across)});
  return draft.builder.add_step(std::string{name}, operands, options);
}

std::size_t add_adaptive_pooling(Draft& draft, std::string_view name, std::size_t source) {
  const auto src = draft.images(source);
  std::vector<double> options;
  append(options, {1 + draft.below(7), 1 + draft.below(7)});
  return draft.builder.add_step(std::string{name}, {src}, options);
}

}  // namespace

void add_image_operators(OperatorTable& table) {
  table.emplace("conv2d", add_conv2d);
  table.emplace("conv_transpose2d", add_conv_transpose2d);
  table.emplace("adaptive_average_pool2d", add_adaptive_pooling);
  for (const auto* name : {"max_pool2d", "average_pool2d"}) table.emplace(name, add_pooling);
}

}  // namespace keel::differential
