// A file that appears under its name only when it is whole, and on the disk.
#pragma once

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <nanobook/detail/sync.hpp>

#if defined(_WIN32)
#include <fcntl.h>
#include <io.h>
#include <share.h>
#include <sys/stat.h>
#else
#include <fcntl.h>
#include <unistd.h>
#endif

namespace nanobook::detail {

/// Writes through its own buffer to a temporary name next to the target, and takes the target's name in `commit()`.
/// Destroyed before that, it leaves nothing behind, and a file that stood under the name stands untouched. After a
/// power cut the name is that of one of the two, whole. Failures are std::system_error naming the target.
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

        errno = 0;
        file_ = open_new(written_to_);
        if (file_ < 0) fail(last_error());
    }

    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;

    ~OutputFile() {
        if (file_ >= 0) close_file(file_);
        if (committed_ || in_place_) return;
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
        if (!in_place_) sync();
        errno = 0;
        if (close_file(std::exchange(file_, -1)) != 0) fail(last_error());
        if (!in_place_) {
            std::error_code error;
            std::filesystem::rename(written_to_, target_, error);
            if (error) fail(error);
        }
        committed_ = true;
        if (!in_place_) sync_folder_of(target_);
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
        for (std::size_t done = 0; done < used_;) {
            errno = 0;
            const std::ptrdiff_t count = write_some(file_, buffer_.data() + done, used_ - done);
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) fail(last_error());
            done += static_cast<std::size_t>(count);
        }
        used_ = 0;
    }

    // Before the rename: else the name may reach the disk before the bytes do.
    void sync() const {
        const int error = sync_file(file_);
        // Some file systems have nothing to sync with.
        if (error != 0 && error != EINVAL) fail(std::error_code(error, std::generic_category()));
    }

#if defined(_WIN32)
    static int open_new(const std::filesystem::path& path) noexcept {
        int file = -1;
        (void)::_wsopen_s(&file, path.c_str(), _O_WRONLY | _O_CREAT | _O_TRUNC | _O_BINARY | _O_NOINHERIT, _SH_DENYNO,
                          _S_IREAD | _S_IWRITE);
        return file;
    }
    static std::ptrdiff_t write_some(int file, const std::byte* bytes, std::size_t count) noexcept {
        return ::_write(file, bytes, static_cast<unsigned>(count));
    }
    static int close_file(int file) noexcept { return ::_close(file); }
#else
    static int open_new(const std::filesystem::path& path) noexcept {
        return ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    }
    static std::ptrdiff_t write_some(int file, const std::byte* bytes, std::size_t count) noexcept {
        return ::write(file, bytes, count);
    }
    static int close_file(int file) noexcept { return ::close(file); }
#endif

    std::filesystem::path target_;
    std::filesystem::path written_to_;
    int file_ = -1;
    std::vector<std::byte> buffer_ = std::vector<std::byte>(capacity);
    std::size_t used_ = 0;
    bool in_place_ = false;
    bool committed_ = false;
};

}  // namespace nanobook::detail
