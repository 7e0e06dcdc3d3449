// Calls of the operators that the keel program does without.

#include "keel/ops/comparison.hpp"
#include "keel/ops/concatenate.hpp"
#include "keel/ops/cumsum.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/indexing.hpp"
#include "keel/ops/max.hpp"
#include "keel/ops/pad.hpp"
#include "keel/ops/power.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/slice.hpp"
#include "keel/ops/softmax.hpp"
#include "vocabulary.hpp"

namespace keel::differential {
namespace {

using Context = const StepContext&;
using Unary = Var (*)(const Var& src, const SourceLocation& where);
using Binary = Var (*)(const Operand& a, const Operand& b, const SourceLocation& where);

void add_elementwise(Words& words) {
  for (const auto& [name, function] :
       std::initializer_list<std::pair<const char*, Unary>>{{"abs", abs},
                                                            {"sign", sign},
                                                            {"floor", floor},
                                                            {"ceil", ceil},
                                                            {"round", round},
                                                            {"log1p", log1p},
                                                            {"expm1", expm1},
                                                            {"softplus", softplus},
                                                            {"silu", silu},
                                                            {"erf", erf},
                                                            {"sin", sin},
                                                            {"cos", cos},
                                                            {"tan", tan},
                                                            {"reciprocal", reciprocal}}) {
    words[name] = [f = function](Context c) { return f(c.operands[0], SourceLocation::current()); };
  }
  for (const auto& [name, function] :
       std::initializer_list<std::pair<const char*, Binary>>{{"greater", greater},
                                                             {"greater_equal", greater_equal},
                                                             {"less", less},
                                                             {"less_equal", less_equal},
                                                             {"equal", equal},
                                                             {"not_equal", not_equal},
                                                             {"minimum", minimum}}) {
    words[name] = [f = function](Context c) {
      return f(c.operands[0], c.operands[1], SourceLocation::current());
    };
  }
  words["elu"] = [](Context c) { return elu(c.operands[0], c.option(0, 1)); };
  words["clamp"] = [](Context c) { return clamp(c.operands[0], c.option(0, -1), c.option(1, 1)); };
  words["power"] = [](Context c) { return pow(c.operands[0], c.option(0, 2)); };
  words["pow"] = [](Context c) { return pow(c.operands[0], c.operands[1]); };
  words["where"] = [](Context c) { return where(c.operands[0], c.operands[1], c.operands[2]); };
}

void add_reductions(Words& words) {
  words["prod"] = [](Context c) { return prod(c.operands[0], c.wholes(1), c.whole(0, 0) != 0); };
  words["min"] = [](Context c) { return min(c.operands[0], c.wholes(1), c.whole(0, 0) != 0); };
  words["log_sum_exp"] = [](Context c) {
    return log_sum_exp(c.operands[0], c.wholes(1), c.whole(0, 0) != 0);
  };
  words["argmin"] = [](Context c) { return argmin(c.operands[0], c.whole(0, -1)); };
  words["cumsum"] = [](Context c) {
    return cumsum(c.operands[0], c.whole(0, 0),
                  {.exclusive = c.whole(1, 0) != 0, .reverse = c.whole(2, 0) != 0});
  };
}

void add_movements(Words& words) {
  words["take"] = [](Context c) { return take(c.operands[0], c.operands[1], c.whole(0, 0)); };
  words["gather"] = [](Context c) { return gather(c.operands[0], c.operands[1], c.whole(0, 0)); };
  words["scatter_add"] = [](Context c) {
    return scatter_add(c.operands[0], c.operands[1], c.operands[2], c.whole(0, 0));
  };
  words["one_hot"] = [](Context c) { return one_hot(c.operands[0], c.whole(0, 1)); };
  words["slice_by_steps"] = [](Context c) {
    return slice(c.operands[0], c.whole(0, 0), {.begin = c.whole(1, 0), .step = c.whole(2, 1)});
  };
  words["flip"] = [](Context c) { return flip(c.operands[0], c.wholes()); };
  words["pad"] = [](Context c) {
    const PadOptions options{.mode = static_cast<PadMode>(c.whole(0, 0)), .value = 0.5};
    std::vector<PadWidths> widths;
    for (std::size_t i = 1; i + 1 < c.options.size(); i += 2)
      widths.push_back({c.whole(i, 0), c.whole(i + 1, 0)});
    return pad(c.operands[0], widths, options);
  };
  words["tril"] = [](Context c) { return tril(c.operands[0], c.whole(0, 0)); };
  words["tile"] = [](Context c) { return tile(c.operands[0], c.wholes()); };
}

}  // namespace

void add_more(Words& words) {
  add_elementwise(words);
  add_reductions(words);
  add_movements(words);
}

}  // namespace keel::differential
