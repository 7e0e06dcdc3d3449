// Losses with options. The first one is the reduction: 0 mean, 1 sum, 2 none.

#include "keel/ops/cross_entropy.hpp"
#include "keel/ops/losses.hpp"
#include "vocabulary.hpp"

namespace keel::differential {
namespace {

using Context = const StepContext&;

Reduction reduction_of(Context c) {
  return static_cast<Reduction>(c.whole(0, 0));
}

std::vector<double> from(Context c, std::size_t first) {
  if (c.options.size() <= first) return {};
  return {c.options.begin() + static_cast<std::ptrdiff_t>(first), c.options.end()};
}

// Behind the reduction: the label that is ignored (-1: none), the smoothing and the classes' weights, if any.
CrossEntropyOptions classification(Context c) {
  CrossEntropyOptions options{.class_weights = from(c, 3), .reduction = reduction_of(c)};
  if (c.whole(1, -1) >= 0) options.ignore_index = static_cast<std::int32_t>(c.whole(1, -1));
  options.label_smoothing = c.option(2, 0);
  return options;
}

}  // namespace

void add_losses(Words& words) {
  words["l1"] = [](Context c) { return l1(c.operands[0], c.operands[1], {.reduction = reduction_of(c)}); };
  words["huber"] = [](Context c) {
    return huber(c.operands[0], c.operands[1], {.delta = c.option(1, 1), .reduction = reduction_of(c)});
  };
  words["smooth_l1"] = [](Context c) {
    return smooth_l1(c.operands[0], c.operands[1], {.beta = c.option(1, 1), .reduction = reduction_of(c)});
  };
  words["binary_cross_entropy_with_logits"] = [](Context c) {
    return binary_cross_entropy_with_logits(c.operands[0], c.operands[1],
                                            {.positive_weights = from(c, 1), .reduction = reduction_of(c)});
  };
  words["weighted_nll"] = [](Context c) {
    const auto all = classification(c);
    return nll(c.operands[0], c.operands[1], {all.class_weights, all.ignore_index, all.reduction});
  };
  words["weighted_cross_entropy"] = [](Context c) {
    return cross_entropy(c.operands[0], c.operands[1], classification(c));
  };
  words["cross_entropy_of_probabilities"] = [](Context c) {
    return cross_entropy(c.operands[0], c.operands[1],
                         {.reduction = reduction_of(c), .label_smoothing = c.option(1, 0)});
  };
}

}  // namespace keel::differential
