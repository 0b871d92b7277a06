// A file that appears under its name only when it is whole.
#pragma once

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

namespace nanobook::detail {

/// Writes through its own buffer to a temporary name next to the target, and takes the target's name in `commit()`.
/// Destroyed before that, it leaves nothing behind, and a file that stood under the name stands untouched.
/// Failures are std::system_error naming the target.
class OutputFile {
  public:
    explicit OutputFile(const std::filesystem::path& path) : target_(path) {
        std::error_code ignored;
        // Through a link, so that the link stays one.
        if (std::filesystem::is_symlink(path, ignored) && std::filesystem::exists(path, ignored)) {
            target_ = std::filesystem::canonical(path);
        }
        const auto status = std::filesystem::status(target_, ignored);
        if (std::filesystem::is_directory(status)) fail(std::make_error_code(std::errc::is_a_directory));
        // A pipe or a device has no place next to it, and must not be replaced by a file.
        in_place_ = std::filesystem::exists(status) && !std::filesystem::is_regular_file(status);
        written_to_ = target_;
        if (!in_place_) written_to_ += temporary_suffix();

        file_.rdbuf()->pubsetbuf(nullptr, 0);
        errno = 0;
        file_.open(written_to_, std::ios::binary | std::ios::trunc);
        if (!file_) fail(last_error());
    }

    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;

    ~OutputFile() {
        if (committed_ || in_place_) return;
        file_.close();
        std::error_code ignored;
        std::filesystem::remove(written_to_, ignored);
    }

    /// Room for `size` bytes, at most 1 MiB, to be filled before the next call.
    std::byte* extend(std::size_t size) {
        if (capacity - used_ < size) flush();
        std::byte* const place = buffer_.data() + used_;
        used_ += size;
        return place;
    }

    void commit() {
        flush();
        errno = 0;
        file_.close();
        if (!file_) fail(last_error());
        if (!in_place_) {
            std::error_code error;
            std::filesystem::rename(written_to_, target_, error);
            if (error) fail(error);
        }
        committed_ = true;
    }

  private:
    static constexpr std::size_t capacity = std::size_t{1} << 20;

    // Unique among all who may write the same target now.
    static std::string temporary_suffix() {
        static std::atomic<std::uint32_t> count{0};
        const auto ticks = std::chrono::steady_clock::now().time_since_epoch().count();
        return "." + std::to_string(ticks) + "-" + std::to_string(count++) + ".partial";
    }

    static std::error_code last_error() {
        return errno != 0 ? std::error_code(errno, std::generic_category()) : std::make_error_code(std::errc::io_error);
    }

    [[noreturn]] void fail(std::error_code error) const { throw std::system_error(error, target_.string()); }

    void flush() {
        errno = 0;
        file_.write(reinterpret_cast<const char*>(buffer_.data()), static_cast<std::streamsize>(used_));
        if (!file_) fail(last_error());
        used_ = 0;
    }

    std::filesystem::path target_;
    std::filesystem::path written_to_;
    std::ofstream file_;
    std::vector<std::byte> buffer_ = std::vector<std::byte>(capacity);
    std::size_t used_ = 0;
    bool in_place_ = false;
    bool committed_ = false;
};

}  // namespace nanobook::detail
