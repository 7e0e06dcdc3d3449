#include "keel/tools/data/idx.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../support/temporary_folder.hpp"
#include "keel/runtime/rng.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace {

namespace fs = std::filesystem;
using keel::tools::DataError;
using keel::tools::ImageSet;
using keel::tools::read_idx_pair;

constexpr std::uint32_t image_magic = 0x803;
constexpr std::uint32_t label_magic = 0x801;

std::string idx(std::uint32_t magic, std::initializer_list<std::uint32_t> sizes, std::string_view data) {
  std::string file;
  const auto append = [&](std::uint32_t word) {
    for (const int shift : {24, 16, 8, 0}) file += static_cast<char>(word >> shift & 0xFF);
  };
  append(magic);
  for (const auto size : sizes) append(size);
  return file.append(data);
}

std::string gzip(std::string_view content, int level = 9) {
  z_stream stream{};
  BOOST_REQUIRE(deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string packed(deflateBound(&stream, content.size()), '\0');
  std::string input{content};
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  BOOST_REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string random_bytes(std::size_t count) {
  keel::Rng rng{1};
  std::string bytes(count, '\0');
  for (auto& byte : bytes) byte = static_cast<char>(rng.below(256));
  return bytes;
}

/// Two files in a temporary folder: at first, three images of 2 x 4 pixels and their labels.
struct TwoFiles {
  TwoFiles() {
    write(images, good_images);
    write(labels, good_labels);
  }

  static void write(const fs::path& path, std::string_view content) {
    fs::remove(path);  // since some file systems flush a file to disk when it is overwritten
    std::ofstream{path, std::ios::binary}.write(content.data(), static_cast<std::streamsize>(content.size()));
  }

  ImageSet read() const { return read_idx_pair(images, labels); }
  ImageSet read(std::string_view image_file) const {
    write(images, image_file);
    return read();
  }

  /// What reading the two files fails with, or nothing.
  [[nodiscard]] std::string fault() const {
    try {
      read();
      return {};
    } catch (const DataError& error) {
      return error.what();
    }
  }

  /// Checks that reading fails and that the sentence names `path` and the fault.
  void check_fault(const fs::path& path, std::string_view text) const {
    const auto found = fault();
    BOOST_TEST(found.find(fmt::format("'{}'", path.string())) != found.npos, found);
    BOOST_TEST(found.find(text) != found.npos, fmt::format("{:?} is not in {:?}", text, found));
  }

  /// The same with an image file of this content.
  void check_image_fault(std::string_view content, std::string_view text) const {
    write(images, content);
    check_fault(images, text);
  }

  using Faults = std::vector<std::pair<std::string, std::string_view>>;

  /// The same with each of these contents, as it is and gzipped.
  void check_image_faults(const Faults& faults) const {
    for (const auto& [content, text] : faults) {
      check_image_fault(content, text);
      check_image_fault(gzip(content), text);
    }
  }

  const std::string good_images = idx(image_magic, {3, 2, 4}, "abcdefghijklmnopqrstuvwx");
  const std::string good_labels = idx(label_magic, {3}, "\x07\xFF\x01");
  keel::test::TemporaryFolder temporary;
  fs::path folder = temporary.path();
  fs::path images = folder / "some-images";
  fs::path labels = folder / "some-labels";
};

void check_equal(const ImageSet& a, const ImageSet& b) {
  BOOST_TEST(a.height == b.height);
  BOOST_TEST(a.width == b.width);
  BOOST_TEST((a.pixels == b.pixels));
  BOOST_TEST((a.labels == b.labels));
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(idx_test, TwoFiles)

BOOST_AUTO_TEST_CASE(a_pair_of_files_becomes_an_image_set) {
  const auto set = read();
  BOOST_TEST(set.size() == 3);
  BOOST_TEST((set.height == 2 && set.width == 4));
  BOOST_TEST(std::string(set.pixels.begin(), set.pixels.end()) == "abcdefghijklmnopqrstuvwx");
  BOOST_TEST((set.labels == std::vector<std::uint8_t>{7, 255, 1}));
}

BOOST_AUTO_TEST_CASE(gzip_is_told_by_content_not_by_name) {
  const auto plain = read();
  write(labels, gzip(good_labels));
  check_equal(read(gzip(good_images)), plain);
  images = folder / "plain.gz";
  check_equal(read(good_images), plain);
}

BOOST_AUTO_TEST_CASE(gzip_may_have_several_members) {
  const auto plain = read();
  for (std::size_t cut = 0; cut <= good_images.size(); ++cut) {
    check_equal(read(gzip(good_images.substr(0, cut)) + gzip("") + gzip(good_images.substr(cut))), plain);
  }
}

BOOST_AUTO_TEST_CASE(large_files_are_read_whole) {
  const auto content = random_bytes(3 * 1000 * 700);
  const auto file = idx(image_magic, {3, 1000, 700}, content);
  const auto plain = read(file);
  BOOST_TEST((std::string(plain.pixels.begin(), plain.pixels.end()) == content));
  check_equal(read(gzip(file)), plain);
}

// The reader sees a file through a window of 64 KiB, whose end may part the two bytes that a member starts
// with.
BOOST_AUTO_TEST_CASE(a_member_may_start_anywhere) {
  const auto file = idx(image_magic, {3, 200, 200}, random_bytes(3 * 200 * 200));
  const auto plain = read(file);
  const auto packed = [&](std::size_t cut) { return gzip(file.substr(0, cut), 0); };
  const std::size_t middle = 65536 - (packed(65000).size() - 65000);
  for (std::size_t cut = middle - 3; cut <= middle + 3; ++cut) {
    check_equal(read(packed(cut) + gzip(file.substr(cut))), plain);
  }
}

BOOST_AUTO_TEST_CASE(missing_and_unreadable_files_are_named) {
  fs::remove(labels);
  check_fault(labels, "does not exist");
  images = folder / "elsewhere";
  check_fault(images, "does not exist");
  images = folder;
  check_fault(folder, "is a folder");
  images = "/dev/null";
  check_fault(images, "is a device or a pipe");
  images = folder / "loop";
  fs::create_symlink(images, images);
  check_fault(images, "can't be opened: ");
}

BOOST_AUTO_TEST_CASE(a_file_without_permission_is_named) {
  if (geteuid() == 0) return;  // root may read everything
  fs::permissions(images, fs::perms::none);
  check_fault(images, "can't be opened: ");
}

BOOST_AUTO_TEST_CASE(a_failing_read_is_not_taken_for_the_end) {
  images = "/proc/self/mem";  // opens, but has nothing at address 0
  if (fs::exists(images)) check_fault(images, "can't be read: ");
}

BOOST_AUTO_TEST_CASE(an_empty_file_is_called_empty) {
  check_image_fault("", "is empty");
  check_image_fault(gzip(""), "ends within its IDX header");
}

BOOST_AUTO_TEST_CASE(the_wrong_kind_of_file_is_called_what_it_is) {
  check_image_faults(
      {{idx(label_magic, {3}, "abc"),
        "holds labels, not images (magic number 0x00000801, expected 0x00000803)"},
       {idx(0xD03, {3, 2, 4}, "abc"), "is a 3-dimensional array of 32-bit floats, where images"},
       {idx(0x804, {3, 2, 4, 3}, "abc"), "is a 4-dimensional array of unsigned bytes, where images"},
       {idx(0xC01, {3}, "abc"), "is a 1-dimensional array of 32-bit integers, where images"},
       {"<!DOCTYPE html>", "is not an IDX file of images (magic number 0x3c21444f, expected 0x00000803)"}});
  write(images, good_images);
  write(labels, good_images);
  check_fault(labels, "holds images, not labels (magic number 0x00000803, expected 0x00000801)");
}

BOOST_AUTO_TEST_CASE(content_that_contradicts_its_header_is_refused) {
  check_image_faults(
      {{"abc", "ends within its IDX header"},
       {good_images.substr(0, 15), "ends within its IDX header"},
       {good_images.substr(0, 16), "is cut short"},
       {good_images.substr(0, 39), "3 x 2 x 4 bytes of data, "},
       {good_images + "yz", "goes on for 2 bytes after the 3 x 2 x 4 that its header announces"},
       {idx(image_magic, {0, 2, 4}, ""), "holds no data: its sizes are 0 x 2 x 4"},
       {idx(image_magic, {3, 0, 4}, ""), "holds no data: its sizes are 3 x 0 x 4"},
       {idx(image_magic, {3, 2, 0}, ""), "holds no data: its sizes are 3 x 2 x 0"}});
}

BOOST_AUTO_TEST_CASE(a_short_file_is_told_by_how_much) {
  check_image_fault(good_images.substr(0, 30), "announces 3 x 2 x 4 bytes of data, but holds 14;");
  check_image_fault(gzip(good_images.substr(0, 30)), "announces 3 x 2 x 4 bytes of data, but 14 follow");
}

// The last has a product of 2^64, which is 0 in 64 bits. None may allocate what it announces.
BOOST_AUTO_TEST_CASE(sizes_that_no_such_file_can_hold_are_refused) {
  for (const auto& content : {idx(image_magic, {60000, 28, 28}, "abc"),
                              idx(image_magic, {0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, "abc"),
                              idx(image_magic, {0x80000000, 0x80000000, 4}, "abc")}) {
    check_image_fault(content, "but holds 3;");
    check_image_fault(gzip(content), "but can't hold more than ");
  }
}

BOOST_AUTO_TEST_CASE(damaged_gzip_is_refused) {
  const auto good = gzip(good_images);
  const auto with = [&](std::size_t at, char value) { return std::string{good}.replace(at, 1, 1, value); };
  const auto flipped = [&](std::size_t at) { return with(at, static_cast<char>(~good[at])); };
  check_image_fault(good.substr(0, 30), "is an incomplete gzip file, of 30 bytes");
  check_image_fault(good.substr(0, good.size() - 1), "is an incomplete gzip file");
  check_image_fault(flipped(good.size() - 8), "is a damaged gzip file (its checksum does not");
  check_image_fault(flipped(good.size() - 4), "is a damaged gzip file (its length does not");
  check_image_fault(with(10, 7), "is a damaged gzip file (invalid block type)");
  check_image_fault(with(2, 9), "is a damaged gzip file (unknown compression method)");
  check_image_fault(good + flipped(good.size() - 8), "is a damaged gzip file (its checksum does not");
  check_image_fault(good + good, "goes on for 40 bytes after the 3 x 2 x 4");
}

BOOST_AUTO_TEST_CASE(stray_bytes_after_gzip_are_refused) {
  const auto good = gzip(good_images);
  for (const std::string_view stray : {"\n", "\x1F", "\x1Fgarbage", "more garbage"}) {
    check_image_fault(good + std::string{stray}, "has stray bytes after its gzip data, first 0x");
  }
  check_image_fault(good + std::string(512, '\0'), "has stray bytes after its gzip data, first 0x00");
}

BOOST_AUTO_TEST_CASE(images_and_labels_must_be_as_many) {
  write(labels, idx(label_magic, {2}, "ab"));
  check_fault(images, "holds 3 images, but ");
  check_fault(labels, "holds 2 labels");
}

BOOST_AUTO_TEST_CASE(every_prefix_is_refused) {
  for (const auto& whole : {good_images, gzip(good_images), gzip(good_images, 0), gzip(good_images, 1)}) {
    for (std::size_t length = 0; length < whole.size(); ++length) {
      write(images, std::string_view{whole}.substr(0, length));
      BOOST_TEST(!fault().empty(), fmt::format("{} of {} bytes", length, whole.size()));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_changed_byte_is_refused_or_harmless) {
  const auto plain = read();
  const auto whole = gzip(good_images);
  for (std::size_t position = 0; position < whole.size(); ++position) {
    for (int change = 1; change < 256; ++change) {
      auto bad = whole;
      bad[position] = static_cast<char>(bad[position] ^ change);
      write(images, bad);
      if (fault().empty()) check_equal(read(), plain);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
