// Models that can't be said in ONNX, or not for any number of samples, and what can be said besides.

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "../../support/checkpoint_support.hpp"
#include "../../support/ops_support.hpp"
#include "../../support/random_tensor.hpp"
#include "keel/keel.hpp"
#include "keel/models/onnx.hpp"
#include "keel/models/onnx/file.hpp"
#include "keel/runtime/buffer.hpp"

namespace {

using namespace keel;
using namespace keel::test;

// A model of a function.
template <class Function>
struct Of {
  Function function;
  Linear fc{3, 3};
  Var operator()(const Var& x) { return function(fc(x)); }
  void visit(auto&& each) { each("fc", fc); }
};

struct Exports : Folder {
  [[nodiscard]] std::filesystem::path file() const { return path / "m.onnx"; }

  template <class Function>
  void write(const Function& function) const {
    Of<Function> model{function};
    initialize(model, Rng{1});
    export_onnx(model, {3}, file());
  }
  template <class Function>
  [[nodiscard]] bool refuses(const Function& function, std::initializer_list<std::string_view> parts) const {
    return static_cast<bool>(throws_with<Error>([&] { write(function); }, parts)) &&
           !std::filesystem::exists(file());
  }
};

// Words, and places that all samples share.
struct Reader {
  Embedding words{7, 4}, places{5, 4};
  Linear fc{4, 2};
  std::vector<Var> operator()(const Var& sentence, const Var& numbers) {
    const Var x = words(sentence) + places(numbers);
    return {fc(mean(x, {1})), max(x, {1})};
  }
  void visit(auto&& each) { each("words", words), each("places", places), each("fc", fc); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(onnx_refused_models_test, Exports)

BOOST_AUTO_TEST_CASE(an_operator_without_a_counterpart_is_named_with_its_line) {
  const auto line = std::to_string(__LINE__ + 1);
  const auto loss = [](const Var& x) { return binary_cross_entropy_with_logits(x, x); };
  BOOST_TEST(refuses(loss, {"binary_cross_entropy_with_logits at refused_models_test.cpp:" + line,
                            "can't be exported", "no counterpart"}));
  const auto uneven = [](const Var& x) { return adaptive_average_pool2d(reshape(x, {-1, 1, 1, 3}), {1, 2}); };
  BOOST_TEST(refuses(uneven, {"adaptive_average_pool2d at", "windows of different sizes"}));
  BOOST_TEST(refuses([](const Var& x) { return batch_norm_training(x, sum(x, {0}), sum(x, {0})).dst; },
                     {"batch_norm at", "the batch's own statistics"}));
}

BOOST_AUTO_TEST_CASE(the_number_of_samples_must_not_become_a_part_of_the_model) {
  const auto samples = [](const Var& x) { return static_cast<double>(x.shape()[0]); };
  BOOST_TEST(
      refuses([&](const Var& x) { return x / samples(x); }, {"for any number of samples", "the constant"}));
  BOOST_TEST(refuses([&](const Var& x) { return slice(x, 0, 0, x.shape()[0] - 1); },
                     {"slice at", "other settings"}));
  BOOST_TEST(refuses([&](const Var& x) { return x.shape()[0] > 6 ? relu(x) : tanh(x); },
                     {"tanh at", "is recorded for 5 of them", "relu at", "for 7"}));
  BOOST_TEST(
      refuses([&](const Var& x) { return x.shape()[0] > 6 ? relu(relu(x)) : x; }, {"what it records"}));
  BOOST_TEST(refuses(
      [&](const Var& x) {
        return sum(slice(concatenate({x, x, slice(x, 0, 0, 2)}, 0), 0, 1, 4));
      },
      {"concatenate at", "f32 (12, 3)", "f32 (16, 3)"}));
}

// What is of the batch's size, and one number all over, is said for any size.
BOOST_AUTO_TEST_CASE(shapes_may_follow_the_number_of_samples) {
  const auto function = [](const Var& x) {
    const auto samples = x.shape()[0];
    const Var ones = x.tape().stored([&] {
      Tensor filled{{samples, 3}};
      for (auto& value : filled.data<float>()) value = 1.0F;
      return filled;
    }());
    const Var twice = reshape(concatenate({x, ones}, 1), {2 * samples, 3});
    return reshape(broadcast_to(sum(twice, {1}, true), {2 * samples, 3}), {samples, 2, 3});
  };
  Of<decltype(function)> model{function};
  initialize(model, Rng{1});
  export_onnx(model, {3}, file());
  auto loaded = load_onnx(file());
  Inference expected{model};
  Inference actual{loaded};
  for (const std::int64_t samples : {1, 7, 64}) {
    const Tensor batch = random_tensor({samples, 3}, 1);
    BOOST_TEST(within(values(actual(batch)), values(expected(batch)), 1e-6));
  }
}

BOOST_AUTO_TEST_CASE(several_inputs_and_outputs) {
  Reader model;
  initialize(model, Rng{1});
  const std::vector<ValueType> samples{{{5}, DType::s32}, {{5}, DType::s32}};
  export_onnx(model, samples, file(), {.whole_inputs = {1}});
  auto loaded = load_onnx(file());
  BOOST_REQUIRE(loaded.inputs().size() == 2U);
  BOOST_TEST(loaded.inputs()[1].element_type == "int32");
  BOOST_TEST((loaded.inputs()[0].extents == std::vector<std::int64_t>{-1, 5}));
  BOOST_TEST((loaded.inputs()[1].extents == std::vector<std::int64_t>{5}));
  BOOST_TEST(loaded.outputs().size() == 2U);
  const auto numbers = Tensor::of<std::int32_t>({5}, {0, 1, 2, 3, 4});
  for (const std::int64_t count : {1, 7}) {
    const Tensor words = random_labels(5 * count, 7, 3);
    const Tensor sentences{words.buffer(), 0, {{count, 5}, DType::s32}};
    const std::vector<Tensor> inputs{sentences, numbers};
    const auto expected = compute([&](std::span<const Var> vars) { return model(vars[0], vars[1]); }, inputs);
    const auto actual = compute([&](std::span<const Var> vars) { return loaded.apply(vars); }, inputs);
    BOOST_TEST((values(actual[0]) == values(expected[0])));
    BOOST_TEST((values(actual[1]) == values(expected[1])));
  }
  export_onnx(loaded, samples, path / "again", {.whole_inputs = {1}});
  BOOST_TEST(load_onnx(path / "again").operators() == loaded.operators());
  // An input may be fixed once and for all.
  auto fixed = load_onnx(file(), {.fixed_inputs = {{"input1", numbers}}});
  BOOST_TEST(fixed.inputs().size() == 1U);
}

BOOST_AUTO_TEST_CASE(files_are_written_whole_or_not_at_all) {
  const auto function = [](const Var& x) { return relu(x); };
  Of<decltype(function)> model{function};
  BOOST_TEST(throws_with<NoValuesError>([&] { export_onnx(model, {3}, file()); }, {"fc."}));
  initialize(model, Rng{1});
  BOOST_TEST(throws_with<Error>([&] { export_onnx(model, {3}, path / "none/m.onnx"); }, {"none/m.onnx"}));
  export_onnx(model, {3}, file());
  BOOST_TEST(files_in(path) == 1U);
}

BOOST_AUTO_TEST_CASE(a_model_says_what_it_is_for) {
  Linear model{3, 2};
  initialize(model, Rng{1});
  const std::map<std::string, std::string> texts{{"keel.background", "dark"}, {"mine", "\xC3\xA4 \n"}};
  export_onnx(model, {3}, file(), {.description = "for three numbers", .texts = texts});
  BOOST_TEST((load_onnx(file()).texts() == texts));
  BOOST_TEST(read(file()).find("for three numbers") != std::string::npos);
  export_onnx(model, {3}, file());
  BOOST_TEST(load_onnx(file()).texts().empty());
}

// Protobuf can't say more than 2 GiB. Here 40 constants of 60 MB lie in the same 64 MB.
BOOST_AUTO_TEST_CASE(a_model_that_no_file_can_hold_leaves_none) {
  const auto bytes = std::size_t{1} << 26U;
  const auto memory = std::make_shared<Buffer>(bytes);
  const auto function = [&](const Var& x) {
    Var dst = x;
    for (std::size_t i = 0; i < 40; ++i)
      dst = dst + sum(x.tape().stored(Tensor{memory, 4 * i, {{15'000'000}, DType::f32}}));
    return dst;
  };
  BOOST_TEST(refuses(function, {"2400000", "2147483647", "safetensors"}));
  onnx::require_writable(2147483647);
  BOOST_TEST(throws_with<Error>([] { onnx::require_writable(2147483648); }, {"2147483648 bytes or more"}));
}

BOOST_AUTO_TEST_SUITE_END()
