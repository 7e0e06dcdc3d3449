#include "keel/runtime/mpi_transport.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "keel/runtime/communicator.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/mpi/module.hpp"

namespace keel {
namespace {

namespace fs = std::filesystem;

constexpr auto module_name = "keel-mpi.so";

void check(const char* error) {
  if (error != nullptr) throw Error{fmt::format("MPI: {}", error)};
}

class MpiOperation final : public Transport::Operation {
 public:
  MpiOperation(const KeelMpi& mpi, int number) : mpi_(mpi), number_(number) {}
  [[nodiscard]] bool done() override {
    if (done_ == 0) check(mpi_.test(number_, &done_));
    return done_ != 0;
  }

 private:
  const KeelMpi& mpi_;
  int number_;
  int done_ = 0;
};

class MpiTransport final : public Transport {
 public:
  explicit MpiTransport(const KeelMpi& mpi) : mpi_(mpi) {}
  [[nodiscard]] int rank() const override { return mpi_.rank; }
  [[nodiscard]] int size() const override { return mpi_.size; }

  std::unique_ptr<Operation> all_gather(std::byte* memory, std::span<const std::size_t> offsets,
                                        Lane lane) override {
    int number = 0;
    check(mpi_.begin_all_gather(memory, offsets.data(), static_cast<int>(lane), &number));
    return std::make_unique<MpiOperation>(mpi_, number);
  }
  std::unique_ptr<Operation> all_to_all(const std::byte* sent, std::byte* received,
                                        std::span<const std::size_t> offsets, Lane lane) override {
    int number = 0;
    check(mpi_.begin_all_to_all(sent, received, offsets.data(), static_cast<int>(lane), &number));
    return std::make_unique<MpiOperation>(mpi_, number);
  }

  void post(const std::string& text) override { check(mpi_.post(text.data(), text.size())); }
  [[nodiscard]] bool posts_are_there() override {
    std::size_t length = 0;
    return mpi_.probe(&length) >= 0;
  }
  std::vector<std::pair<int, std::string>> posted() override {
    std::vector<std::pair<int, std::string>> texts;
    std::size_t length = 0;
    for (int from = mpi_.probe(&length); from >= 0; from = mpi_.probe(&length)) {
      std::string text(length, '\0');
      check(mpi_.receive(text.data()));
      texts.emplace_back(from, std::move(text));
    }
    return texts;
  }

  void finish() override { check(mpi_.finish()); }
  [[noreturn]] void abort(int status) override {
    mpi_.abort(status);
    std::_Exit(status);
  }

 private:
  const KeelMpi& mpi_;
};

// Beside what keel's code lies in, in the folders in which it is built, or where it is installed.
fs::path module_path() {
  if (const char* given = std::getenv("KEEL_MPI_MODULE")) return given;
  Dl_info info{};
  fs::path folder;
  if (dladdr(reinterpret_cast<const void*>(&started_as_rank), &info) != 0 && info.dli_fname != nullptr)
    folder = fs::absolute(fs::path{info.dli_fname}).parent_path();
  std::error_code error;
  for (const fs::path& place : {folder, folder / "keel", folder / "../runtime/mpi",
                                folder / "../../runtime/mpi", fs::path{KEEL_MODULE_FOLDER}})
    if (fs::exists(place / module_name, error)) return place / module_name;
  return {};
}

bool is_number_above(const char* name, int least) {
  const char* text = std::getenv(name);
  return text != nullptr && std::atoi(text) > least;
}

}  // namespace

// Open MPI's mpirun, MPICH's, and srun with either's interface. Slurm's own variables are there without srun, too.
bool started_as_rank() {
  return is_number_above("OMPI_COMM_WORLD_SIZE", 1) || is_number_above("PMI_SIZE", 1) ||
         (std::getenv("PMIX_RANK") != nullptr && is_number_above("SLURM_STEP_NUM_TASKS", 1));
}

std::shared_ptr<Transport> mpi_transport() {
  const auto path = module_path();
  if (path.empty()) {
    throw Error{fmt::format(
        "this process was started as one of several ranks, but keel was built without MPI, or its module "
        "{} is gone: install libopenmpi-dev and build keel again, or name the module in KEEL_MPI_MODULE",
        module_name)};
  }
  // MPI loads parts of its own, which look for its symbols among the global ones.
  void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (module == nullptr) throw Error{fmt::format("keel's module for MPI can't be loaded: {}", dlerror())};
  const auto begin = reinterpret_cast<decltype(&keel_mpi_begin)>(dlsym(module, "keel_mpi_begin"));
  if (begin == nullptr) throw Error{fmt::format("'{}' is not keel's module for MPI", path.string())};
  const char* why = nullptr;
  const KeelMpi* mpi = begin(&why);
  if (mpi == nullptr) throw Error{fmt::format("MPI can't be begun: {}", why)};
  return std::make_shared<MpiTransport>(*mpi);
}

Communicator Communicator::world() {
  if (!started_as_rank()) return {};
  auto transport = mpi_transport();
  if (transport->size() > 1) return Communicator{std::move(transport)};
  throw Error{
      "this process was started as one of several ranks, but by another MPI than that of keel's module, which "
      "sees one rank alone: start it by the mpirun of that MPI, or name a module of this one in KEEL_MPI_MODULE"};
}

}  // namespace keel
