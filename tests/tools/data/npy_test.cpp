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

#include "../../support/process.hpp"
#include "../../support/temporary_folder.hpp"
#include "keel/runtime/rng.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;
using keel::tools::DataError;
using keel::tools::decode_npy_pair;
using keel::tools::NpyPair;
using keel::tools::read_npy_pair;
using namespace std::string_literals;

/// A .npy file with this header and data.
std::string npy_file(const std::string& header, const std::string& data, int version = 1) {
  std::string file = "\x93NUMPY"s + static_cast<char>(version) + '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) file += static_cast<char>(header.size() >> 8 * i & 0xFF);
  return file + header + data;
}

std::string npy_dictionary(const std::string& type, const std::string& shape, bool fortran_order = false) {
  return fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}   \n", type,
                     fortran_order ? "True" : "False", shape);
}

std::string npy(const std::string& type, const std::string& shape, const std::string& data) {
  return npy_file(npy_dictionary(type, shape), data);
}

/// The bytes of numbers, each `width` bytes long.
std::string numbers(std::initializer_list<std::int64_t> values, int width, bool big_endian = false) {
  std::string bytes;
  for (const auto value : values) {
    for (int i = 0; i < width; ++i)
      bytes += static_cast<char>(value >> 8 * (big_endian ? width - 1 - i : i) & 0xFF);
  }
  return bytes;
}

std::string floats(std::initializer_list<float> values, bool big_endian = false) {
  std::string bytes;
  for (const float value : values) bytes += numbers({std::bit_cast<std::int32_t>(value)}, 4, big_endian);
  return bytes;
}

NpyPair decode_pair(std::string_view images, std::string_view labels) {
  const auto bytes = [](std::string_view text) {
    return std::span{reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
  };
  return decode_npy_pair("images.npy", bytes(images), "labels.npy", bytes(labels));
}

const std::string two_labels = npy("|u1", "(2,)", "\3\7");
const std::string two_images = npy("|u1", "(2, 2, 3)", "abcdefABCDEF");

std::vector<std::uint8_t> pixels_of(const std::string& images) {
  return decode_pair(images, two_labels).set.pixels;
}

std::vector<std::uint8_t> bytes_of_text(std::string_view text) {
  return {text.begin(), text.end()};
}

void check_pair_fault(std::string_view images, std::string_view labels, std::string_view text) {
  std::string found;
  try {
    decode_pair(images, labels);
  } catch (const DataError& error) {
    found = error.what();
  }
  BOOST_TEST(found.find(text) != found.npos, fmt::format("{:?} is not in {:?}", text, found));
}

void check_image_fault(std::string_view images, const std::string& text) {
  check_pair_fault(images, two_labels, "'images.npy' " + text);
}

void check_label_fault(std::string_view labels, const std::string& text) {
  check_pair_fault(two_images, labels, "'labels.npy' " + text);
}

boost::test_tools::assertion_result numpy_is_there(boost::unit_test::test_unit_id) {
  boost::test_tools::assertion_result there{
      run_command("python3 -c 'import numpy'", fs::temp_directory_path()).status == 0};
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

BOOST_AUTO_TEST_CASE(headers_of_all_versions_and_spellings_are_read) {
  const auto good = bytes_of_text("abcdefABCDEF");
  const auto plain = npy_dictionary("|u1", "(2, 2, 3)");
  for (const int version : {1, 2, 3})
    BOOST_TEST((pixels_of(npy_file(plain, "abcdefABCDEF", version)) == good));
  for (const auto& header :
       {R"({"descr":"|u1","fortran_order":False,"shape":(2,2,3)})"s,
        "{'shape': (2L, 2L, 3L), 'fortran_order': False, 'descr': '|u1'}\n"s,
        "  { 'descr' : '<u1' , 'fortran_order' : False , 'shape' : ( 2 , 2 , 3 , ) , } \t\n"s})
    BOOST_TEST((pixels_of(npy_file(header, "abcdefABCDEF")) == good), header);
}

BOOST_AUTO_TEST_CASE(bad_headers_are_refused) {
  const auto check = [](const std::string& header, const std::string& text) {
    check_image_fault(npy_file(header, "abcdefABCDEF"), text);
  };
  check("", "is damaged: its header should have a dictionary at \"\"");
  check("{", "is damaged: its header should have a string at \"\"");
  check("{}", "is damaged: its header lacks 'descr'");
  check("{'descr': '|u1', 'fortran_order': False}", "is damaged: its header lacks 'shape'");
  check("{'descr': '|u1', 'shape': (2, 2, 3)}", "is damaged: its header lacks 'fortran_order'");
  check("{'descr': '|u1', 'descr': '|u1'}", "is damaged: its header has 'descr' twice");
  check("{'shape': (1,), 'shape': (1,)}", "is damaged: its header has 'shape' twice");
  check("{'fortran_order': True, 'fortran_order': True}", "is damaged: its header has 'fortran_order' twice");
  check("{'other': 1}", "is damaged: its header has an unknown entry of 5 characters");
  check("{'descr' '|u1'}", "is damaged: its header should have a colon at");
  check("{'descr': ''}", "is damaged: its header should have a type");
  check("{'descr': '|u1}", "is damaged: its header should have a plain string");
  check("{'de\\scr': '|u1'}", "is damaged: its header should have a plain string");
  check("{'fortran_order': 1}", "is damaged: its header should have True or False at \"1}\"");
  check("{'fortran_order': Falsehood}", "is damaged: its header should have a comma");
  check("{'shape': [2, 2, 3]}", "is damaged: its header should have a tuple");
  check("{'shape': (2)}", "is damaged: its header should have a comma, as in a tuple of one");
  check("{'shape': (2 3)}", "is damaged: its header should have a comma");
  check("{'shape': (2, -2, 3)}", "is damaged: its header should have a whole number");
  check("{'shape': (2, 2.5)}", "is damaged: its header should have a comma or the end of the tuple");
  check("{'shape': (99999999999999999999,)}", "is damaged: its header should have a whole number below 2^64");
  check("{'shape': (((((", "is damaged: its header should have a whole number");
  check(npy_dictionary("|u1", "(2, 2, 3)") + "x", "is damaged: its header should have nothing more at \"x\"");
  check(npy_dictionary("|u1", "(2, 2, 3)") + "\0"s, "is damaged: its header should have nothing more");
  std::string axes;
  for (int i = 0; i < 33; ++i) axes += "1,";
  check(npy_dictionary("|u1", "(" + axes + ")"), "is damaged: its shape has more than 32 axes");
  check(std::string(10'001, ' '), "has a header of 10001 bytes, where 10000 are the most");
  check_image_fault("\x93NUMPY\2\0\xFF\xFF\xFF\xFF{}"s, "has a header of 4294967295 bytes");
}

BOOST_AUTO_TEST_CASE(types_that_are_no_pixels_or_labels_are_refused) {
  const auto elements = std::string(12, 'a');
  for (const auto* type : {"|O", "O"}) {
    check_image_fault(npy(type, "(2, 2, 3)", elements),
                      "is an array of Python objects, which are never read");
    check_label_fault(npy(type, "(2,)", "ab"), "is an array of Python objects, which are never read");
  }
  for (const auto* type :
       {"|b1", "<f2", "<c8", "|S1", "<U1", "|V1", "<M8[s]", "u1", "<u3", "|u4", "<f1", "<u16", "\1\2\3"}) {
    check_image_fault(npy(type, "(2, 2, 3)", elements), "has elements of type '");
    check_label_fault(npy(type, "(12,)", elements), "has elements of type '");
  }
  check_image_fault(npy_file("{'descr': [('r', '|u1')], 'fortran_order': False, 'shape': (2,)}", "ab"),
                    "is an array of structures, not of numbers");
  check_image_fault(npy("<i4", "(2, 1, 1)", "abcdefgh"),
                    "is ('<i4', (2, 1, 1)), where images are of uint8 or float32");
  check_label_fault(npy("<f4", "(2,)", "abcdefgh"), "is ('<f4', (2,)), where labels are integers");
}

BOOST_AUTO_TEST_CASE(lengths_must_be_what_the_header_says) {
  for (std::size_t length = 0; length < two_images.size(); ++length)
    check_image_fault(std::string_view{two_images}.substr(0, length), "is ");
  check_image_fault(two_images.substr(0, two_images.size() - 1),
                    "is cut short or has a bad header: it announces ('|u1', (2, 2, 3)), but 11 bytes follow");
  check_image_fault(two_images + "x", "goes on for 1 bytes after the ('|u1', (2, 2, 3))");
  for (const auto* shape : {"(2, 9223372036854775808, 2)", "(18446744073709551615, 18446744073709551615)",
                            "(4294967296, 4294967296)"})
    check_image_fault(npy("|u1", shape, "ab"), "is cut short or has a bad header: it announces ");
  check_image_fault(npy("<f8", "(2305843009213693952,)", "ab"), "is cut short or has a bad header");
  for (const auto* shape : {"(0, 2, 2)", "(2, 0, 2)", "(0, 18446744073709551615, 18446744073709551615)"})
    check_image_fault(npy("|u1", shape, ""), "holds no data: it is ('|u1', ");
  check_image_fault(npy("|u1", "(1, 2, 2)", "abcd"), "holds 1 images, but 'labels.npy' holds 2 labels");
  check_pair_fault(two_images, npy("|u1", "(0,)", ""), "holds 2 images, but 'labels.npy' holds 0 labels");
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

BOOST_AUTO_TEST_CASE(what_is_no_npy_file_is_refused) {
  check_image_fault("", "is not a NumPy array (.npy)");
  check_image_fault("PK\3\4 as an .npz file", "is not a NumPy array (.npy)");
  check_image_fault("\x93NUMPY\4\0and more"s,
                    "has version 4.0 of NumPy's format, where 1.0, 2.0 and 3.0 are read");
  check_image_fault("\x93NUMPY\1\1and more"s, "has version 1.1");
}

BOOST_AUTO_TEST_CASE(no_damaged_byte_is_more_than_a_sentence) {
  for (std::size_t at = 0; at < two_images.size() - 12; ++at) {
    for (int value = 0; value < 256; ++value) {
      auto damaged = two_images;
      damaged[at] = static_cast<char>(value);
      try {
        const auto pair = decode_pair(damaged, two_labels);
        BOOST_TEST(pair.set.pixels.size() == 12U);
      } catch (const DataError& error) {
        BOOST_TEST(std::string_view{error.what()}.starts_with("'images.npy' "), error.what());
      }
    }
  }
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
  const auto finished = run_command("python3 write.py", folder.path());
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
