#include "keel/tools/data/picture_folder.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "../../support/temporary_folder.hpp"
#include "keel/tools/data/data_set.hpp"
#include "keel/tools/data/png.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;
using keel::tools::class_text;
using keel::tools::DataError;
using keel::tools::DataSet;
using keel::tools::load_data_set;
using keel::tools::read_picture_folder;
using Labels = std::vector<std::uint8_t>;
using Names = std::vector<std::string>;

/// A temporary folder for pictures by class.
struct PictureFolder {
  /// Writes a picture of 2 x 3 pixels of one grey.
  void picture(const std::string& name, std::uint8_t grey, std::int64_t height = 2) const {
    fs::create_directories((folder / name).parent_path());
    const auto pixels = static_cast<std::size_t>(height * 3);
    keel::tools::write_png(folder / name,
                           {.height = height, .width = 3, .pixels = std::vector<std::uint8_t>(pixels, grey)});
  }

  DataSet load() const { return load_data_set(folder.string()); }

  void check_fault(const fs::path& named, std::string_view text) const {
    std::string found;
    try {
      load();
    } catch (const DataError& error) {
      found = error.what();
    }
    const auto path = named == "." ? folder : folder / named;
    BOOST_TEST(found.find(fmt::format("'{}'", path.string())) != found.npos, found);
    BOOST_TEST(found.find(text) != found.npos, fmt::format("{:?} is not in {:?}", text, found));
  }

  TemporaryFolder temporary;
  fs::path folder = temporary.path();
};

/// The grey of each picture.
Labels greys(const keel::tools::ImageSet& set) {
  Labels result;
  for (std::int64_t i = 0; i < set.size(); ++i) result.push_back(set.image(i)[0]);
  return result;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(picture_folder_test, PictureFolder)

BOOST_AUTO_TEST_CASE(numbers_are_the_labels) {
  picture("train/7/b.png", 72);
  picture("train/10/z.png", 100);
  picture("train/2/x.png", 20);
  picture("train/7/a.png", 71);
  picture("test/10/x.png", 101);
  picture("test/7/x.png", 70);
  const auto data = load();
  BOOST_TEST(data.classes == 11);
  BOOST_TEST(data.class_names.empty());
  BOOST_TEST(data.train.height == 2);
  BOOST_TEST(data.train.width == 3);
  BOOST_TEST((data.train.labels == Labels{2, 7, 7, 10}));
  BOOST_TEST((greys(data.train) == Labels{20, 71, 72, 100}));
  BOOST_TEST((data.test.labels == Labels{7, 10}));
  BOOST_TEST((greys(data.test) == Labels{70, 101}));
  BOOST_TEST(data.digest == digest(data.train, data.test));
  BOOST_TEST(class_text(data, 7) == "7");
}

BOOST_AUTO_TEST_CASE(names_are_numbered_in_their_order) {
  picture("train/dog/1.png", 10);
  picture("train/cat/1.png", 20);
  picture("train/Emu/1.png", 30);
  picture("test/dog/1.png", 11);
  const auto data = load();
  BOOST_TEST(data.classes == 3);
  BOOST_TEST((data.class_names == Names{"Emu", "cat", "dog"}));
  BOOST_TEST((greys(data.train) == Labels{30, 20, 10}));
  BOOST_TEST((data.test.labels == Labels{2}));
  BOOST_TEST(class_text(data, 2) == "'dog'");
}

BOOST_AUTO_TEST_CASE(large_numbers_are_names_in_the_order_of_their_values) {
  for (const auto* name : {"train/1000/x.png", "train/20/x.png", "train/300/x.png", "test/300/x.png"})
    picture(name, 1);
  const auto data = load();
  BOOST_TEST((data.class_names == Names{"20", "300", "1000"}));
  BOOST_TEST((data.test.labels == Labels{1}));
}

BOOST_AUTO_TEST_CASE(leading_zeros_do_not_count) {
  for (const auto* name : {"train/00/x.png", "train/07/x.png", "test/7/x.png"}) picture(name, 1);
  const auto data = load();
  BOOST_TEST((data.train.labels == Labels{0, 7}));
  BOOST_TEST((data.test.labels == Labels{7}));
  picture("train/7/y.png", 1);
  check_fault("train", "has classes '07' and '7', which are one number");
}

BOOST_AUTO_TEST_CASE(hidden_files_are_skipped_and_others_are_named) {
  for (const auto* name : {"train/0/x.png", "train/1/x", "test/0/x.PNG"}) picture(name, 1);
  for (const auto* name : {".DS_Store", "train/.hidden", "train/0/.x.png"})
    std::ofstream{folder / name} << "x";
  fs::create_directory(folder / "test" / ".cache");
  BOOST_TEST(load().train.size() == 2);  // whatever they are called, they are PNG files
  const auto check_other = [&](const std::string& name, std::string_view content, std::string_view text) {
    std::ofstream{folder / name} << content;
    check_fault(name, text);
    fs::remove(folder / name);
  };
  check_other("train/0/notes.txt", "something", "is not a PNG file");
  check_other("test/0/y.png", "", "is empty");
  check_other("train/1/y.jpg", "\xFF\xD8\xFF\xE0", "is a JPEG file, but only PNG is read");
  check_other("train/labels.csv", "something", "is not a folder of a class");
  fs::create_directory(folder / "train" / "0" / "more");
  check_fault("train/0/more", "is a folder, not a file");
  fs::remove(folder / "train" / "0" / "more");
  BOOST_REQUIRE(::mkfifo((folder / "test" / "0" / "pipe.png").c_str(), 0600) == 0);
  check_fault("test/0/pipe.png", "is a device or a pipe");
}

BOOST_AUTO_TEST_CASE(pictures_are_of_one_size) {
  for (const auto* name : {"train/0/x.png", "train/1/x.png", "test/0/x.png"}) picture(name, 1);
  picture("test/0/y.png", 1, 4);
  check_fault("test/0/y.png", fmt::format("has 4 x 3 pixels, but '{}' has 2 x 3; all must be of one size",
                                          (folder / "train/0/x.png").string()));
}

BOOST_AUTO_TEST_CASE(test_classes_without_training_images_are_refused) {
  for (const auto* name :
       {"train/cat/x.png", "train/dog/x.png", "test/cow/x.png", "test/cow/y.png", "test/cat/x.png"})
    picture(name, 1);
  check_fault(".", "2 test images have a label that no training image has: 'cow' (2)");
  fs::remove_all(folder / "test" / "cow");
  fs::create_directory(folder / "test" / "cow");  // says nothing if it is empty
  BOOST_TEST(load().classes == 2);
  picture("test/dog/x.png", 1);
  fs::remove(folder / "train" / "dog" / "x.png");
  picture("train/emu/x.png", 1);
  check_fault(".", "1 test image has a label that no training image has: 'dog' (1)");
}

BOOST_AUTO_TEST_CASE(empty_class_folders_are_told) {
  for (const auto* name : {"train/0/x.png", "train/2/x.png", "test/0/x.png"}) picture(name, 1);
  for (const auto* name : {"train/4", "test/1", "test/9"}) fs::create_directory(folder / name);
  DataSet data;
  const auto notes = read_picture_folder(folder, data);
  BOOST_TEST((notes == Names{fmt::format("'{}' holds no pictures", (folder / "test/1").string()),
                             fmt::format("'{}' holds no pictures", (folder / "test/9").string())}));
  BOOST_TEST(data.classes == 5);
}

BOOST_AUTO_TEST_CASE(folders_without_pictures_are_refused) {
  fs::create_directories(folder / "train");
  check_fault(".", "lacks test/; `--data` takes");
  fs::create_directories(folder / "test" / "0");
  check_fault("train", "holds no pictures");
  for (const auto* name : {"train/0/x.png", "train/1/x.png"}) picture(name, 1);
  check_fault("test", "holds no pictures");
}

BOOST_AUTO_TEST_CASE(more_classes_than_labels_are_refused) {
  for (int i = 0; i < 257; ++i) fs::create_directories(folder / "train" / fmt::format("class {}", i));
  picture("test/class 1/x.png", 1);
  check_fault(".", "has 257 classes, where 256 are the most that are read");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace keel::test
