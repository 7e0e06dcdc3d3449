#include "keel/tools/data/npy.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <bit>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "../../support/process.hpp"
#include "../../support/temporary_folder.hpp"
#include "npy_support.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;
using keel::tools::read_npy_pair;

boost::test_tools::assertion_result numpy_is_there(boost::unit_test::test_unit_id) {
  boost::test_tools::assertion_result there{
      run_command("/usr/bin/python3 -c 'import numpy'", fs::temp_directory_path()).status == 0};
  if (!there) there.message() << "python3-numpy is not installed";
  return there;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(npy_test)

BOOST_AUTO_TEST_CASE(images_of_bytes_are_kept_as_they_are) {
  for (const auto* shape : {"(2, 2, 3)", "(2,2,3,1)", "(2, 1, 2, 3)"}) {
    const auto pair = decode_pair(npy("|u1", shape, "abcdefABCDEF"), two_labels);
    BOOST_TEST(pair.set.height == 2);
    BOOST_TEST(pair.set.width == 3);
    BOOST_TEST((pair.set.pixels == bytes_of_text("abcdefABCDEF")));
    BOOST_TEST((pair.set.labels == std::vector<std::uint8_t>{3, 7}));
    BOOST_TEST(pair.note == "");
  }
  const auto flat = decode_pair(npy("|u1", "(2, 4)", "abcdABCD"), two_labels).set;
  BOOST_TEST(flat.height == 2);
  BOOST_TEST(flat.width == 2);
}

BOOST_AUTO_TEST_CASE(fortran_order_is_turned_around) {
  // Element (n, y, x) of (2, 2, 3) is number n + 2 * (y + 2 * x) of the file.
  BOOST_TEST((pixels_of(npy_file(npy_dictionary("|u1", "(2, 2, 3)", true), "aAdDbBeEcCfF")) ==
              bytes_of_text("abcdefABCDEF")));
  const auto bytes = floats({0, 1, 1, 0, 0.2F, 0.4F, 0.6F, 0.8F});
  BOOST_TEST((pixels_of(npy_file(npy_dictionary("<f4", "(2, 2, 2)", true), bytes)) ==
              std::vector<std::uint8_t>{0, 51, 255, 153, 255, 102, 0, 204}));
}

BOOST_AUTO_TEST_CASE(floats_become_the_nearest_level) {
  for (const bool big_endian : {false, true}) {
    const auto exact =
        npy(big_endian ? ">f4" : "<f4", "(2, 1, 2)", floats({0, 1, 7.0F / 255, 200.0F / 255}, big_endian));
    const auto pair = decode_pair(exact, two_labels);
    BOOST_TEST((pair.set.pixels == std::vector<std::uint8_t>{0, 255, 7, 200}));
    BOOST_TEST(pair.note == "");
  }
  const auto between = decode_pair(npy("<f4", "(2, 1, 2)", floats({0, 0.5F, 0.25F, 1})), two_labels);
  BOOST_TEST((between.set.pixels == std::vector<std::uint8_t>{0, 128, 64, 255}));
  BOOST_TEST(
      between.note ==
      "'images.npy': pixels are kept as 256 levels of grey, for which 2 of 4 values were rounded, by up to "
      "0.00196");
  const auto wide = numbers({std::bit_cast<std::int64_t>(0.2), std::bit_cast<std::int64_t>(1.0)}, 8);
  BOOST_TEST((pixels_of(npy("<f8", "(2, 1, 1)", wide)) == std::vector<std::uint8_t>{51, 255}));
}

BOOST_AUTO_TEST_CASE(every_level_as_a_float_is_that_level) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += floats({static_cast<float>(i) / 255.0F});
  const auto pair = decode_pair(npy("<f4", "(2, 8, 16)", bytes), two_labels);
  for (int i = 0; i < 256; ++i) BOOST_TEST(pair.set.pixels[static_cast<std::size_t>(i)] == i);
  BOOST_TEST(pair.note == "");
}

BOOST_AUTO_TEST_CASE(labels_are_integers_of_any_width) {
  for (const char kind : {'i', 'u'}) {
    for (const int width : {1, 2, 4, 8}) {
      for (const bool big_endian : {false, true}) {
        const std::int64_t largest = kind == 'i' && width == 1 ? 127 : 255;
        const auto type = fmt::format("{}{}{}", width == 1 ? '|' : big_endian ? '>' : '<', kind, width);
        for (const auto* shape : {"(2,)", "(2, 1)"}) {
          const auto labels = npy(type, shape, numbers({0, largest}, width, big_endian));
          const auto found = decode_pair(two_images, labels).set.labels;
          BOOST_TEST((found == std::vector<std::uint8_t>{0, static_cast<std::uint8_t>(largest)}), type);
        }
        const auto outside = [&](std::int64_t value) {
          return npy(type, "(2,)", numbers({0, value}, width, big_endian));
        };
        if (kind == 'i')
          check_label_fault(outside(-1), "has the label -1 at 1, where labels are from 0 to 255");
        if (width > 1)
          check_label_fault(outside(256), "has the label 256 at 1, where labels are from 0 to 255");
      }
    }
  }
  check_label_fault(npy("<u8", "(2,)", numbers({-1, 0}, 8)), "has the label 18446744073709551615 at 0");
  check_label_fault(npy("<i8", "(2,)", numbers({0, std::numeric_limits<std::int64_t>::min()}, 8)),
                    "has the label -9223372036854775808 at 1");
}

BOOST_AUTO_TEST_CASE(shapes_that_are_no_grey_images_are_refused) {
  check_image_fault(npy("|u1", "()", "a"),
                    "is ('|u1', ()), where grey images have the shape (N, height, width)");
  check_image_fault(npy("|u1", "(2,)", "ab"), "is ('|u1', (2,)), where grey images have the shape");
  check_image_fault(npy("|u1", "(2, 3)", "abcdef"), "is ('|u1', (2, 3)): rows of 3 pixels are no square");
  check_image_fault(npy("|u1", "(1, 1, 2, 3)", "abcdef"), "holds 1 images, but 'labels.npy' holds 2 labels");
  check_image_fault(npy("|u1", "(1, 2, 2, 3)", "abcdefabcdef"), "is ('|u1', (1, 2, 2, 3)): colour images");
  check_image_fault(npy("|u1", "(1, 2, 2, 2, 1)", "abcdefgh"), "is ('|u1', (1, 2, 2, 2, 1)), where grey");
  check_label_fault(npy("|u1", "(1, 2)", "ab"), "is ('|u1', (1, 2)), where labels have the shape (N,)");
  check_label_fault(npy("|u1", "()", "a"), "is ('|u1', ()), where labels have the shape (N,)");
}

BOOST_AUTO_TEST_CASE(pixels_outside_the_range_are_refused) {
  const auto check = [](float value, const std::string& text) {
    check_image_fault(npy("<f4", "(2, 1, 1)", floats({0, value})), text);
  };
  check(-0.001F, "has a pixel of -0.00");
  check(1.5F, "has a pixel of 1.5, where floats must lie from 0 (black) to 1 (white); divide it by 255");
  check(255, "has a pixel of 255, where");
  check(1e30F, "has a pixel of 1.0000000150474662e+30, where floats must lie from 0 (black) to 1 (white)");
  check(std::numeric_limits<float>::infinity(), "has a pixel of inf");
  check(std::nanf(""), "has a pixel of nan");
}

BOOST_AUTO_TEST_CASE(files_are_read_and_what_is_none_is_refused) {
  const TemporaryFolder folder;
  const auto images = folder.path() / "images.npy";
  const auto labels = folder.path() / "labels.npy";
  std::ofstream{images, std::ios::binary} << two_images;
  std::ofstream{labels, std::ios::binary} << two_labels;
  BOOST_TEST((read_npy_pair(images, labels).set.pixels == bytes_of_text("abcdefABCDEF")));
  const auto check = [&](std::string_view text) {
    BOOST_CHECK_EXCEPTION(read_npy_pair(images, labels), DataError, [&](const DataError& error) {
      BOOST_TEST_INFO(error.what());
      return error.what() == fmt::format("'{}' {}", labels.string(), text);
    });
  };
  fs::resize_file(labels, 0);
  check("is empty");
  fs::remove(labels);
  check("does not exist");
  BOOST_REQUIRE(::mkfifo(labels.c_str(), 0600) == 0);
  check("is a device or a pipe, not a regular file");
  fs::remove(labels);
  fs::create_directory(labels);
  check("is a folder, not a file");
  fs::remove(labels);
  // Of a terabyte that is not there the header is read first.
  std::ofstream{labels, std::ios::binary} << two_labels;
  fs::resize_file(labels, std::uintmax_t{1} << 40);
  check(fmt::format("goes on for {} bytes after the ('|u1', (2,)) that its header announces",
                    (std::uintmax_t{1} << 40) - two_labels.size()));
}

BOOST_AUTO_TEST_CASE(what_numpy_writes_is_read, *boost::unit_test::precondition(numpy_is_there)) {
  const TemporaryFolder folder;
  std::ofstream{folder.path() / "write.py"} << R"(import numpy as np
x = np.arange(2 * 3 * 5, dtype=np.uint8).reshape(2, 3, 5)
np.save('images0.npy', x)
np.save('images1.npy', np.asfortranarray(x))
np.save('images2.npy', (x / np.float32(255)).astype('<f4'))
np.save('images3.npy', np.asfortranarray((x / 255).astype('>f8'))[..., None])
for i, version in enumerate([(1, 0), (2, 0), (3, 0)]):
    with open(f'images{4 + i}.npy', 'wb') as f:
        np.lib.format.write_array(f, x[:, None], version=version)
for i, t in enumerate(['i1', 'u2', '>i4', '<i8', '>u8', 'u1', '<i4']):
    np.save(f'labels{i}.npy', np.array([3, 7], dtype=t))
)";
  const auto finished = run_command("/usr/bin/python3 write.py", folder.path());
  BOOST_TEST_REQUIRE(finished.status == 0, finished.err);
  for (int i = 0; i < 7; ++i) {
    const auto pair = read_npy_pair(folder.path() / fmt::format("images{}.npy", i),
                                    folder.path() / fmt::format("labels{}.npy", i));
    BOOST_TEST(pair.set.height == 3);
    BOOST_TEST(pair.set.width == 5);
    BOOST_TEST((pair.set.labels == std::vector<std::uint8_t>{3, 7}));
    BOOST_TEST_REQUIRE(pair.set.pixels.size() == 30U);
    for (std::size_t j = 0; j < 30; ++j) BOOST_TEST(pair.set.pixels[j] == j);
    BOOST_TEST(pair.note == "");
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace keel::test
