#include "keel/tools/data/npy_header.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <string_view>

#include "npy_support.hpp"

namespace keel::test {

BOOST_AUTO_TEST_SUITE(npy_header_test)

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

BOOST_AUTO_TEST_SUITE_END()

}  // namespace keel::test
