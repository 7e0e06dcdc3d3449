#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#pragma GCC visibility push(hidden)

// What an ONNX file says, in plain structures, so that protobuf is known to one source alone.

namespace keel::onnx {

/// ONNX's numbers of element types.
enum class Element : std::int32_t {
  undefined = 0,
  f32 = 1,
  u8 = 2,
  s8 = 3,
  u16 = 4,
  s16 = 5,
  s32 = 6,
  s64 = 7,
  string = 8,
  boolean = 9,
  f16 = 10,
  f64 = 11,
  u32 = 12,
  u64 = 13,
};
/// "float", "int64", ...; "element type 17" of one that keel does not know.
std::string name_of(Element element);
/// Bytes of one in a file; 0 of those that have no fixed size, or are not known.
std::size_t size_of(Element element);
inline bool is_real(Element element) {
  return element == Element::f32 || element == Element::f64;
}

struct Array {
  std::string name;
  Element element = Element::undefined;
  std::vector<std::int64_t> extents;
  std::string bytes;  ///< row-major, little-endian: as many as extents and type say
};

using Setting = std::variant<std::int64_t, float, std::string, Array, std::vector<std::int64_t>,
                             std::vector<float>, std::vector<std::string>>;

struct FileNode {
  std::string op;
  std::string name;
  std::vector<std::string> inputs;   ///< empty: left out
  std::vector<std::string> outputs;  ///< empty: not wanted
  std::map<std::string, Setting, std::less<>> settings;
};

struct Declared {
  std::string name;
  Element element = Element::undefined;
  bool has_shape = false;
  std::vector<std::int64_t> extents;  ///< -1: any
};

struct FileGraph {
  std::int64_t opset = 17;
  std::string name;
  std::string description;                   ///< the model's doc_string
  std::map<std::string, std::string> texts;  ///< its metadata, by their keys
  std::vector<FileNode> nodes;
  std::vector<Array> initializers;
  std::vector<Declared> inputs;
  std::vector<Declared> outputs;
};

/// What a file says. Throws Error, naming it, for one that can't be read, is not of this format or too
/// large, and for values that are not there in full; OnnxUnsupported for what keel has nothing for, such as
/// subgraphs.
FileGraph read_file(const std::filesystem::path& path);

/// An array from a file of its own, as ONNX's test data are, by whose name it is called then.
Array read_array(const std::filesystem::path& path);

/// The operators of a file's nodes, with their domains where these are not ONNX's own, whether keel has
/// them or not.
std::vector<std::string> operators_in(const std::filesystem::path& path);

/// The bytes of a file. In it, -1 extents are called N. Throws Error as `require_writable` does.
std::string serialized(const FileGraph& graph);

/// Throws Error where a file of so many bytes would be larger than any ONNX file may be, as protobuf has it.
void require_writable(std::uint64_t bytes);

/// Throws Error where keel was built without onnx.proto.
void require_protobuf();

/// How many elements extents have. Throws Error, naming the array and the file, where one is negative or
/// their product too large.
std::int64_t elements_of(const std::vector<std::int64_t>& extents, std::string_view name,
                         const std::filesystem::path& path);

/// Where, beside the file of a network, values lie.
struct Elsewhere {
  std::string location;
  std::string offset;       ///< as the file writes numbers
  std::string length;       ///< in bytes
  std::uint64_t bytes = 0;  ///< that there have to be
};
/// These bytes. Throws Error, naming the network's file and the array, where they lie outside its folder or
/// aren't there.
std::string read_elsewhere(const std::filesystem::path& path, std::string_view name, const Elsewhere& where);

/// The number whose shortest text reads as this float: what was meant, 0.1 and not 0.100000001.
double shortest(float number);
/// 1 - number in the same sense: 0.1 of 0.9, as a momentum of keel's is of one of ONNX's.
inline double complement(double number) {
  return shortest(static_cast<float>(1.0 - number));
}

/// Throws Error: "`path` can't be loaded: `why`".
[[noreturn]] void fail_to_read(const std::filesystem::path& path, std::string_view why);

}  // namespace keel::onnx

#pragma GCC visibility pop
