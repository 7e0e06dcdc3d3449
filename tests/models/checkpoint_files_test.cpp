// Files that are damaged, lie, come from elsewhere or can't be read or written.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>

#include "../support/checkpoint_support.hpp"
#include "../support/ops_support.hpp"
#include "keel/keel.hpp"
#include "keel/models/checkpoint.hpp"

namespace {

namespace fs = std::filesystem;
using namespace keel;
using namespace keel::test;

std::string with_header(const std::string& header, const std::string& data = "") {
  std::string result(8, '\0');
  const auto length = static_cast<std::uint64_t>(header.size());
  std::memcpy(result.data(), &length, 8);
  return result + header + data;
}

struct One {
  Parameter weight{Shape{2}, Initializer::constant(1.0)};
  void visit(auto&& each) { each("w", weight); }
};

struct LikeAnOptimizer {
  Parameter weight{Shape{2}, Initializer::constant(1.0)};
  void visit(auto&& each) { each("optimizer/w", weight); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(checkpoint_files_test, Folder)

BOOST_AUTO_TEST_CASE(a_file_cut_short_or_too_long_is_refused_at_every_length) {
  One saved;
  initialize(saved, Rng{1});
  save_checkpoint(saved, model());
  const auto content = read(model());
  One other;
  initialize(other, Rng{2});
  other.weight.value().data<float>()[0] = 5.0F;
  for (std::size_t length = 0; length < content.size(); ++length) {
    write(model(), content.substr(0, length));
    BOOST_TEST(
        throws_with<Error>([&] { load_checkpoint(other, model()); }, {"model.safetensors' can't be loaded"}),
        length);
  }
  write(model(), content + '\0');
  BOOST_TEST(throws_with<Error>([&] { load_checkpoint(other, model()); }, {"holds 9 bytes of values"}));
  BOOST_TEST(other.weight.value().data<float>()[0] == 5.0F);
  write(model(), content);
  load_checkpoint(other, model());
  BOOST_TEST(other.weight.value().data<float>()[0] == 1.0F);
}

// Whatever a byte of the header is changed to, the file is refused with an Error, or still says the same.
BOOST_AUTO_TEST_CASE(a_damaged_header_is_never_more_than_an_error) {
  One saved;
  initialize(saved, Rng{1});
  save_checkpoint(saved, model());
  const auto content = read(model());
  One other;
  initialize(other, Rng{1});
  int refused = 0;
  for (std::size_t i = 0; i + 8 < content.size(); ++i) {
    for (const char change : {'\0', '9', '"', '[', '{', ',', '-', 'x', '\xff'}) {
      auto damaged = content;
      damaged[i] = change;
      write(model(), damaged);
      try {
        load_checkpoint(other, model());
      } catch (const Error& error) {
        ++refused;
        BOOST_TEST(std::string_view{error.what()}.find("model.safetensors") != std::string_view::npos);
      }
      BOOST_TEST(other.weight.value().data<float>()[0] == 1.0F);
      BOOST_TEST(other.weight.value().data<float>()[1] == 1.0F);
    }
  }
  BOOST_TEST(refused > 100);
}

BOOST_AUTO_TEST_CASE(headers_that_lie_are_refused_in_words) {
  One one;
  initialize(one, Rng{1});
  const auto refused = [&](const std::string& content, std::initializer_list<std::string_view> parts) {
    write(model(), content);
    return throws_with<Error>([&] { load_checkpoint(one, model()); }, parts);
  };
  const std::string data(8, '\0');
  const auto entry = [&](const std::string& text) { return with_header("{\"w\":" + text + "}", data); };
  BOOST_TEST(refused(std::string(8, '\xff') + "{}", {"header would have 18446744073709551615 bytes"}));
  BOOST_TEST(refused(with_header("[]"), {"not a JSON object"}));
  BOOST_TEST(refused(with_header(std::string(1'000'000, '[')), {"nested too deep"}));
  const std::string nested = std::string(50, '[') + std::string(50, ']');
  BOOST_TEST(refused(with_header(R"({"__metadata__":{"a\\\"":")" + nested + R"("},"v":7})"), {"'v' has no"}));
  BOOST_TEST(refused(entry(R"({"dtype":"F32","shape":[2]})"), {"'w' has no data_offsets"}));
  BOOST_TEST(refused(entry("7"), {"'w' has no"}));
  BOOST_TEST(
      refused(entry(R"({"dtype":"U32","shape":[2],"data_offsets":[0,8]})"), {"'w' is U32 in it and f32"}));
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  BOOST_TEST(
      refused(entry(R"({"dtype":)" + deep + R"(,"shape":[2],"data_offsets":[0,8]})"), {"nested too deep"}));
  BOOST_TEST(
      refused(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0,12]})"), {"stands at [0, 12] of 8"}));
  BOOST_TEST(
      refused(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"), {"stands at [8, 0] of 8"}));
  BOOST_TEST(refused(entry(R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})"), {"begins at byte 4"}));
  BOOST_TEST(
      refused(entry(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"), {"not a short list of counts"}));
  BOOST_TEST(refused(entry(R"({"dtype":"F32","shape":[18446744073709551615,18446744073709551615],)"
                           R"("data_offsets":[0,8]})"),
                     {"shape of 'w' makes no sense"}));
  BOOST_TEST(refused(with_header(R"({"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                                 R"("w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                                 data),
                     {"'w' begins at byte 0 of the values, not at 8"}));
  BOOST_TEST(refused(with_header(R"({"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                                 R"("w":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})",
                                 data + data),
                     {"it has 'v', which the model does not have"}));
  BOOST_TEST(refused(with_header(R"({"__metadata__":{"epsilon":1},)"
                                 R"("w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                                 data),
                     {"'epsilon' in its __metadata__ is not a string"}));
}

BOOST_AUTO_TEST_CASE(a_file_of_another_program_needs_no_settings) {
  One one;
  write(model(),
        with_header(R"({"w":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}})", std::string(16, '\0')));
  load_checkpoint(one, model());
  BOOST_TEST(one.weight.value().data<double>()[1] == 0.0);
}

BOOST_AUTO_TEST_CASE(places_that_can_not_be_read_or_written_are_named) {
  One one;
  initialize(one, Rng{1});
  BOOST_TEST(throws_with<Error>([&] { save_checkpoint(one, path / "nowhere" / "model"); },
                                {"nowhere/model' can't be written: No such file"}));
  BOOST_TEST(throws_with<Error>([&] { load_checkpoint(one, path / "nowhere"); },
                                {"nowhere' can't be loaded: No such file"}));
  BOOST_TEST(throws_with<Error>([&] { load_checkpoint(one, path); }, {"not a regular file"}));
  BOOST_TEST(throws_with<Error>([&] { load_checkpoint(one, "/dev/zero"); }, {"not a regular file"}));
  // In the way of the rename: the file that was written is taken away again.
  fs::create_directories(path / "folder" / "full");
  BOOST_TEST(
      throws_with<Error>([&] { save_checkpoint(one, path / "folder"); }, {"folder' can't be written"}));
  BOOST_TEST(files_in(path) == 1);
}

BOOST_AUTO_TEST_CASE(saving_again_replaces_the_file) {
  One one;
  initialize(one, Rng{1});
  save_checkpoint(one, model());
  one.weight.value().data<float>()[0] = 7.0F;
  save_checkpoint(one, model());
  One other;
  load_checkpoint(other, model());
  BOOST_TEST(other.weight.value().data<float>()[0] == 7.0F);
  BOOST_TEST(files_in(path) == 1);
}

// All zeros, and no bytes on the disk.
BOOST_AUTO_TEST_CASE(a_file_that_claims_too_much_is_refused_before_its_values_are_read) {
  One one;
  initialize(one, Rng{1});
  constexpr std::uint64_t bytes = std::uint64_t{1} << 43U;
  const auto header = with_header(R"({"w":{"dtype":"F32","shape":[2199023255552],"data_offsets":[0,)" +
                                  std::to_string(bytes) + "]}}");
  write(model(), header);
  std::error_code error;
  fs::resize_file(model(), header.size() + bytes, error);
  if (error) return;  // the file system has no files of that size
  BOOST_TEST(throws_with<Error>([&] { load_checkpoint(one, model()); },
                                {"'w' is (2199023255552) in it and (2) in the model"}));
}

BOOST_AUTO_TEST_CASE(names_that_could_not_be_read_back_are_not_written) {
  LikeAnOptimizer other;
  initialize(other, Rng{1});
  BOOST_TEST(throws_with<Error>([&] { save_checkpoint(other, model()); }, {"can't be called 'optimizer/w'"}));
  One one;
  initialize(one, Rng{1});
  BOOST_TEST(throws_with<Error>(
      [&] {
        save_checkpoint(one, model(), {.texts = {{"gr\xf6\xdf", "1"}}});
      },
      {"not UTF-8"}));
  BOOST_TEST(!fs::exists(model()));
}

BOOST_AUTO_TEST_CASE(half_precision_is_called_what_it_is) {
  One one;
  initialize(one, Rng{1}, DType::f64);
  write(model(),
        with_header(R"({"w":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}})", std::string(4, '\0')));
  BOOST_TEST(throws_with<Error>([&] { load_checkpoint(one, model()); }, {"'w' is F16 in it and f64"}));
}

BOOST_AUTO_TEST_SUITE_END()
