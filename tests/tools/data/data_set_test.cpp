#include "keel/tools/data/data_set.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../support/process.hpp"
#include "../../support/temporary_folder.hpp"
#include "keel/tools/data/class_checks.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace {

namespace fs = std::filesystem;
using keel::tools::DataError;
using keel::tools::digest;
using keel::tools::ImageSet;
using keel::tools::load_data_set;
using keel::tools::mnist_folder;

/// An environment variable that has another value, or none, for a while.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* const before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~Environment() { set(before_ ? before_->c_str() : nullptr); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  void set(const char* value) const { value ? setenv(name_, value, 1) : unsetenv(name_); }

  const char* name_;
  std::optional<std::string> before_;
};

void write(const fs::path& path, std::string_view content) {
  std::ofstream{path, std::ios::binary}.write(content.data(), static_cast<std::streamsize>(content.size()));
}

std::string idx(const std::string& sizes, std::string_view data) {
  std::string file{'\0', '\0', '\x08', static_cast<char>(sizes.size())};
  for (const char size : sizes) file.append(3, '\0') += size;
  return file.append(data);
}

std::string images(char count, char side, char grey) {
  return idx({count, side, side}, std::string(static_cast<std::size_t>(count * side * side), grey));
}

std::string labels(std::string_view values) {
  return idx({static_cast<char>(values.size())}, values);
}

using namespace std::string_literals;
using namespace std::string_view_literals;

/// A temporary folder with a small data set, of two training and three test images of 3 x 3 pixels.
struct SmallDataSet {
  SmallDataSet() { fill(folder); }

  static void fill(const fs::path& path) {
    write(path / "train-images-idx3-ubyte", images(2, 3, 'A'));
    write(path / "train-labels-idx1-ubyte", labels("\0\1"sv));
    write(path / "t10k-images-idx3-ubyte", images(3, 3, 'B'));
    write(path / "t10k-labels-idx1-ubyte", labels("\0\1\1"sv));
  }

  /// Checks that loading `name` fails with a sentence that has all of `texts` in it.
  static void check_fault(const std::string& name, std::initializer_list<std::string_view> texts) {
    std::string found;
    try {
      load_data_set(name);
    } catch (const DataError& error) {
      found = error.what();
    }
    for (const auto text : texts) {
      BOOST_TEST(found.find(text) != found.npos, fmt::format("{:?} is not in {:?}", text, found));
    }
  }
  void check_fault(std::initializer_list<std::string_view> texts) const {
    check_fault(folder.string(), texts);
  }

  keel::test::TemporaryFolder temporary;
  fs::path folder = temporary.path();
};

/// NumPy arrays with the same content.
void write_arrays(const fs::path& folder, const std::string& test) {
  const auto npy = [](std::string_view shape, std::string_view data) {
    const auto header = fmt::format("{{'descr': '|u1', 'fortran_order': False, 'shape': {}}}", shape);
    return "\x93NUMPY\1"s + '\0' + static_cast<char>(header.size()) + '\0' + header + std::string{data};
  };
  write(folder / "train-images.npy", npy("(2, 3, 3)", std::string(18, 'A')));
  write(folder / "train-labels.npy", npy("(2,)", "\0\1"sv));
  write(folder / (test + "-images.npy"), npy("(3, 3, 3)", std::string(27, 'B')));
  write(folder / (test + "-labels.npy"), npy("(3,)", "\0\1\1"sv));
}

boost::test_tools::assertion_result mnist_is_given(boost::unit_test::test_unit_id) {
  if (std::getenv("KEEL_MNIST_DIR") != nullptr) return true;
  BOOST_TEST_MESSAGE(
      "the test with the real MNIST is skipped: KEEL_MNIST_DIR does not name a folder with it");
  boost::test_tools::assertion_result skip{false};
  skip.message() << "KEEL_MNIST_DIR is not set";
  return skip;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(data_set_test, SmallDataSet)

BOOST_AUTO_TEST_CASE(a_folder_becomes_a_data_set) {
  const auto data = load_data_set(folder.string());
  BOOST_TEST(data.name == folder.string());
  BOOST_TEST(data.train.size() == 2);
  BOOST_TEST(data.train.image(1)[8] == 'A');
  BOOST_TEST(data.test.size() == 3);
  BOOST_TEST(data.test.image(2)[8] == 'B');
  BOOST_TEST(data.digest == digest(data.train, data.test));
}

BOOST_AUTO_TEST_CASE(classes_go_up_to_the_largest_label) {
  BOOST_TEST(load_data_set(folder.string()).classes == 2);
  write(folder / "train-labels-idx1-ubyte", labels("\1\xFF"sv));
  write(folder / "t10k-labels-idx1-ubyte", labels("\1\1\1"sv));
  BOOST_TEST(load_data_set(folder.string()).classes == 256);
}

BOOST_AUTO_TEST_CASE(one_class_is_too_few) {
  for (const auto& [bytes, text] : {std::pair{"\0\0"sv, "of class 0"}, {"\7\7"sv, "of class 7"}}) {
    write(folder / "train-labels-idx1-ubyte", labels(bytes));
    check_fault({folder.string(), "every training image is ", text, "two classes or more are needed"});
  }
}

BOOST_AUTO_TEST_CASE(test_labels_that_training_lacks_are_refused_with_their_count) {
  write(folder / "t10k-labels-idx1-ubyte", labels("\1\xFF\0"sv));
  check_fault({folder.string(), "1 test image has a label that no training image has: 255 (1)"});
  write(folder / "t10k-labels-idx1-ubyte", labels("\2\xFF\2"sv));
  check_fault({"3 test images have a label that no training image has: 2 (2), 255 (1)"});
  write(folder / "t10k-images-idx3-ubyte", images(7, 3, 'B'));
  write(folder / "t10k-labels-idx1-ubyte", labels("\3\4\5\6\7\7\1"sv));
  check_fault({"6 test images have a label", "has: 3 (1), 4 (1), 5 (1), 6 (1), 7 (2)"});
  write(folder / "t10k-labels-idx1-ubyte", labels("\3\4\5\6\7\x8\x9"sv));
  check_fault({"7 test images have a label", "has: 3 (1), 4 (1), 5 (1), 6 (1), 7 (1), and 2 more"});
}

// As in the letters of EMNIST, which begin at 1.
BOOST_AUTO_TEST_CASE(classes_without_training_images_are_told) {
  const auto note = [](std::vector<std::uint8_t> train, int classes, std::vector<std::string> names = {}) {
    return keel::tools::empty_classes_note({.name = "letters",
                                            .classes = classes,
                                            .class_names = std::move(names),
                                            .train = {.labels = std::move(train)}});
  };
  BOOST_TEST(note({0, 1, 2}, 3) == "");
  BOOST_TEST(note({1, 2}, 3) == "'letters' has no training images of class 0");
  BOOST_TEST(note({1, 3, 8}, 10) == "'letters' has no training images of classes 0, 2, 4 to 7, 9");
  BOOST_TEST(note({2, 5}, 6) == "'letters' has no training images of classes 0, 1, 3, 4");
  BOOST_TEST(note({0, 255}, 256) == "'letters' has no training images of classes 1 to 254");
  BOOST_TEST(note({0, 2}, 3, {"a", "b", "c"}) == "'letters' has no training images of class 'b'");
}

BOOST_AUTO_TEST_CASE(notes_go_to_standard_error_once_and_are_no_error) {
  write(folder / "train-labels-idx1-ubyte", labels("\1\2"sv));
  write(folder / "t10k-labels-idx1-ubyte", labels("\1\1\2"sv));
  const auto finished = keel::test::run_keel("data info --data .", folder);
  BOOST_TEST(finished.status == 0);
  BOOST_TEST(finished.err == "keel: note: '.' has no training images of class 0\n");
  BOOST_TEST(finished.out.find("no training images") == finished.out.npos);
  // A standard error that is full or closed is no reason to fail either.
  for (const auto* redirection : {"2>/dev/full", "2>&-"})
    BOOST_TEST(keel::test::run_keel(fmt::format("data info --data . {}", redirection), folder).status == 0);
}

BOOST_AUTO_TEST_CASE(the_other_spellings_are_known) {
  for (const char* const spelling :
       {"train-images.idx3-ubyte", "train-images-idx3-ubyte.gz", "train-images.idx3-ubyte.gz"}) {
    fs::rename(folder / "train-images-idx3-ubyte", folder / spelling);
    BOOST_TEST(load_data_set(folder.string()).train.size() == 2);
    fs::rename(folder / spelling, folder / "train-images-idx3-ubyte");
  }
}

BOOST_AUTO_TEST_CASE(an_unpacked_file_is_preferred) {
  fs::rename(folder / "train-images-idx3-ubyte", folder / "train-images.idx3-ubyte");
  write(folder / "train-images-idx3-ubyte.gz", "not what should be read");
  BOOST_TEST(load_data_set(folder.string()).train.size() == 2);
}

BOOST_AUTO_TEST_CASE(a_folder_of_a_files_name_is_passed_over) {
  fs::rename(folder / "train-images-idx3-ubyte", folder / "train-images.idx3-ubyte");
  fs::create_directory(folder / "train-images-idx3-ubyte");
  BOOST_TEST(load_data_set(folder.string()).train.size() == 2);
}

BOOST_AUTO_TEST_CASE(a_name_that_is_no_folder_is_explained) {
  check_fault("mnits", {"'mnits' does not exist", "digits, mnist or a folder"});
  check_fault("", {"'' does not exist"});
  const auto file = (folder / "t10k-labels-idx1-ubyte").string();
  check_fault(file, {file, "is not a folder"});
}

BOOST_AUTO_TEST_CASE(missing_files_are_named) {
  fs::remove(folder / "t10k-labels-idx1-ubyte");
  check_fault({folder.string(), "lacks t10k-labels-idx1-ubyte[.gz]; "});
  fs::remove(folder / "train-images-idx3-ubyte");
  check_fault({"lacks train-images-idx3-ubyte[.gz], t10k-labels-idx1-ubyte[.gz]; "});
}

BOOST_AUTO_TEST_CASE(a_folder_without_data_is_told_all_forms) {
  fs::create_directory(folder / "other");
  check_fault((folder / "other").string(),
              {"holds no data set; `--data` takes digits, mnist or a folder", "train-images-idx3-ubyte[.gz]",
               "train-images.npy", "train/CLASS/*.png"});
}

BOOST_AUTO_TEST_CASE(arrays_become_the_same_data_set) {
  for (const auto* test : {"test", "t10k"}) {
    const keel::test::TemporaryFolder arrays;
    write_arrays(arrays.path(), test);
    const auto data = load_data_set(arrays.path().string());
    BOOST_TEST(data.classes == 2);
    BOOST_TEST(data.digest == load_data_set(folder.string()).digest);
    fs::remove(arrays.path() / (std::string{test} + "-labels.npy"));
    check_fault(arrays.path().string(), {"lacks test-labels.npy; "});
  }
}

BOOST_AUTO_TEST_CASE(two_data_sets_in_a_folder_are_refused) {
  write_arrays(folder, "test");
  check_fault({folder.string(), "holds two data sets, IDX files and NumPy arrays"});
  fs::remove(folder / "t10k-labels-idx1-ubyte");
  BOOST_TEST(load_data_set(folder.string()).classes == 2);  // one of them is not whole
  fs::create_directory(folder / "train");
  BOOST_TEST(load_data_set(folder.string()).classes == 2);
}

BOOST_AUTO_TEST_CASE(pipes_in_place_of_files_are_refused_without_waiting) {
  fs::remove(folder / "t10k-labels-idx1-ubyte");
  BOOST_REQUIRE(::mkfifo((folder / "t10k-labels-idx1-ubyte").c_str(), 0600) == 0);
  check_fault({"t10k-labels-idx1-ubyte' is a device or a pipe, not a regular file"});
  check_fault("/dev/null", {"'/dev/null' is not a folder; `--data` takes"});
}

BOOST_AUTO_TEST_CASE(faults_of_either_set_reach_the_caller) {
  write(folder / "t10k-labels-idx1-ubyte", "");
  check_fault({"t10k-labels-idx1-ubyte' is empty"});
  write(folder / "train-images-idx3-ubyte", "");
  check_fault({"train-images-idx3-ubyte' is empty"});
}

BOOST_AUTO_TEST_CASE(training_and_test_images_have_one_size) {
  write(folder / "t10k-images-idx3-ubyte", images(3, 5, 'B'));
  check_fault({folder.string(), "3 x 3 pixels, the test images 5 x 5"});
}

BOOST_AUTO_TEST_CASE(mnist_is_looked_for_in_the_cache_folder) {
  const Environment home{"HOME", "/home/user"};
  {
    const Environment cache{"XDG_CACHE_HOME", "/var/cache/user"};
    BOOST_TEST(mnist_folder() == "/var/cache/user/keel/mnist");
  }
  for (const char* const ignored : {"", "relative", static_cast<const char*>(nullptr)}) {
    const Environment cache{"XDG_CACHE_HOME", ignored};
    BOOST_TEST(mnist_folder() == "/home/user/.cache/keel/mnist");
  }
  const Environment cache{"XDG_CACHE_HOME", nullptr};
  const Environment nowhere{"HOME", nullptr};
  check_fault("mnist", {"neither XDG_CACHE_HOME nor HOME", "--data DIR"});
}

BOOST_AUTO_TEST_CASE(mnist_is_loaded_from_the_cache_folder) {
  const Environment cache{"XDG_CACHE_HOME", folder.c_str()};
  const auto mnist = folder / "keel" / "mnist";
  check_fault("mnist", {mnist.string(), "does not exist", "keel data mnist", "--data DIR"});
  fs::create_directories(mnist);
  check_fault("mnist", {mnist.string(), "holds no data set", "keel data mnist", "--data DIR"});
  fill(mnist);
  const auto data = load_data_set("mnist");
  BOOST_TEST(data.name == "mnist");
  BOOST_TEST(data.train.size() == 2);
}

BOOST_AUTO_TEST_CASE(digits_are_built_in) {
  const auto data = load_data_set("digits");
  BOOST_TEST(data.name == "digits");
  BOOST_TEST(data.classes == 10);
  BOOST_TEST(data.digest == digest(data.train, data.test));
}

// The first two examples of FIPS 180-2, spread over the four arrays in the order that `digest` promises.
BOOST_AUTO_TEST_CASE(the_digest_is_sha_256_of_the_four_arrays) {
  BOOST_TEST(digest({.height = 1, .width = 1, .pixels = {'a'}, .labels = {'b'}},
                    {.height = 1, .width = 1, .pixels = {'c'}, .labels = {}}) ==
             "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const auto bytes = [](std::string_view text) {
    return std::vector<std::uint8_t>(text.begin(), text.end());
  };
  BOOST_TEST(digest({.pixels = bytes("abcdbcdecdefdefgefgh"), .labels = bytes("fghighij")},
                    {.pixels = bytes("hijkijkljklmklmnlmno"), .labels = bytes("mnopnopq")}) ==
             "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

// The digest is what `sha256sum` makes of the unpacked files without their headers, one after the other.
BOOST_AUTO_TEST_CASE(the_real_mnist_is_read, *boost::unit_test::precondition(mnist_is_given)) {
  const auto data = load_data_set(std::getenv("KEEL_MNIST_DIR"));
  BOOST_TEST(data.train.size() == 60000);
  BOOST_TEST(data.test.size() == 10000);
  BOOST_TEST(data.train.height == 28);
  BOOST_TEST(data.train.width == 28);
  BOOST_TEST(data.classes == 10);
  BOOST_TEST(data.digest == "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16");
}

BOOST_AUTO_TEST_SUITE_END()
