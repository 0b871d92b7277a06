// A file that is read and written at places one names, and may be locked against other writers.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>

#if defined(_WIN32)
#ifndef NOMINMAX
#define NOMINMAX
#endif
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nanobook/detail/sync.hpp>
#endif

namespace nanobook::detail {

/// Regular files only. Failures are std::system_error naming the file.
class File {
  public:
    enum class Access {
        read,
        write,  ///< reads too, and creates the file where it is missing
    };

    File(File&& other) noexcept : path_(std::move(other.path_)), file_(std::exchange(other.file_, none)) {}
    File& operator=(File&& other) noexcept {
        std::swap(path_, other.path_);
        std::swap(file_, other.file_);
        return *this;
    }

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

#if defined(_WIN32)
    File(std::filesystem::path path, Access access) : path_(std::move(path)) {
        // Who writes shares with readers only: that is the lock.
        const bool writes = access == Access::write;
        file_ = ::CreateFileW(path_.c_str(), writes ? GENERIC_READ | GENERIC_WRITE : GENERIC_READ,
                              writes ? FILE_SHARE_READ : FILE_SHARE_READ | FILE_SHARE_WRITE, nullptr,
                              writes ? OPEN_ALWAYS : OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
        if (file_ == none && !(writes && ::GetLastError() == ERROR_SHARING_VIOLATION)) fail();
    }

    ~File() {
        if (file_ != none) ::CloseHandle(file_);
    }

    [[nodiscard]] bool try_lock() const noexcept { return file_ != none; }

    [[nodiscard]] std::uint64_t size() const {
        LARGE_INTEGER size{};
        if (::GetFileSizeEx(file_, &size) == 0) fail();
        return static_cast<std::uint64_t>(size.QuadPart);
    }

    std::size_t read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
        std::size_t done = 0;
        while (done < bytes.size()) {
            OVERLAPPED place = at(offset + done);
            DWORD count = 0;
            if (::ReadFile(file_, bytes.data() + done, piece(bytes.size() - done), &count, &place) == 0) {
                if (::GetLastError() == ERROR_HANDLE_EOF) break;
                fail();
            }
            if (count == 0) break;
            done += count;
        }
        return done;
    }

    std::error_code append(std::uint64_t offset, std::span<const std::byte> bytes) noexcept {
        for (std::size_t done = 0; done < bytes.size();) {
            OVERLAPPED place = at(offset + done);
            DWORD count = 0;
            if (::WriteFile(file_, bytes.data() + done, piece(bytes.size() - done), &count, &place) == 0) {
                const std::error_code error = last_error();
                (void)try_truncate(offset);
                return error;
            }
            done += count;
        }
        return {};
    }

    void truncate(std::uint64_t size) {
        if (!try_truncate(size)) fail();
    }

    void sync() {
        if (::FlushFileBuffers(file_) == 0) fail();
    }
    void sync_folder() const noexcept {}

  private:
    using Handle = HANDLE;
    static inline const Handle none = INVALID_HANDLE_VALUE;

    static OVERLAPPED at(std::uint64_t offset) noexcept {
        OVERLAPPED place{};
        place.Offset = static_cast<DWORD>(offset);
        place.OffsetHigh = static_cast<DWORD>(offset >> 32);
        return place;
    }
    static DWORD piece(std::size_t size) noexcept { return static_cast<DWORD>(size < (1U << 30) ? size : 1U << 30); }

    static std::error_code last_error() noexcept {
        return {static_cast<int>(::GetLastError()), std::system_category()};
    }
    [[noreturn]] void fail() const { throw std::system_error(last_error(), path_.string()); }

    bool try_truncate(std::uint64_t size) noexcept {
        LARGE_INTEGER end{};
        end.QuadPart = static_cast<LONGLONG>(size);
        return ::SetFilePointerEx(file_, end, nullptr, FILE_BEGIN) != 0 && ::SetEndOfFile(file_) != 0;
    }
#else
    File(std::filesystem::path path, Access access) : path_(std::move(path)) {
        // O_NONBLOCK: a pipe without a writer must be refused below, not waited for. It means nothing to a file.
        const int flags = (access == Access::write ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC | O_NONBLOCK;
        do {
            file_ = ::open(path_.c_str(), flags, 0666);
        } while (file_ < 0 && errno == EINTR);
        if (file_ < 0) fail(errno);
        struct stat status{};
        int error = ::fstat(file_, &status) != 0 ? errno : 0;
        if (error == 0 && !S_ISREG(status.st_mode)) error = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
        if (error != 0) {
            ::close(file_);
            fail(error);
        }
    }

    ~File() {
        if (file_ != none) ::close(file_);
    }

    /// False where somebody else, in this process or another, has locked it. Advisory, until the file is closed. A
    /// file system that has no locks locks nothing: then it is true.
    [[nodiscard]] bool try_lock() const noexcept {
        int result = 0;
        do {
            result = ::flock(file_, LOCK_EX | LOCK_NB);
        } while (result != 0 && errno == EINTR);
        return result == 0 || errno != EWOULDBLOCK;
    }

    [[nodiscard]] std::uint64_t size() const {
        struct stat status{};
        if (::fstat(file_, &status) != 0) fail(errno);
        return static_cast<std::uint64_t>(status.st_size);
    }

    /// How many bytes were read: fewer than asked for at the end of the file only.
    std::size_t read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
        std::size_t done = 0;
        while (done < bytes.size()) {
            const auto count =
                ::pread(file_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) fail(errno);
            if (count == 0) break;
            done += static_cast<std::size_t>(count);
        }
        return done;
    }

    /// Writes behind the first `offset` bytes. Where it fails, nothing of it stays in the file, as far as that can be
    /// had from a system that has just failed.
    std::error_code append(std::uint64_t offset, std::span<const std::byte> bytes) noexcept {
        for (std::size_t done = 0; done < bytes.size();) {
            const auto count =
                ::pwrite(file_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) {
                const int error = count < 0 ? errno : EIO;
                (void)try_truncate(offset);
                return {error, std::generic_category()};
            }
            done += static_cast<std::size_t>(count);
        }
        return {};
    }

    void truncate(std::uint64_t size) {
        if (!try_truncate(size)) fail(errno);
    }

    /// Returns when the bytes are on the disk.
    void sync() {
        if (const int error = sync_file(file_); error != 0) fail(error);
    }

    void sync_folder() const noexcept { sync_folder_of(path_); }

  private:
    using Handle = int;
    static constexpr Handle none = -1;

    [[noreturn]] void fail(int error) const { throw std::system_error(error, std::generic_category(), path_.string()); }

    bool try_truncate(std::uint64_t size) noexcept {
        int result = 0;
        do {
            result = ::ftruncate(file_, static_cast<off_t>(size));
        } while (result != 0 && errno == EINTR);
        return result == 0;
    }
#endif

    std::filesystem::path path_;
    Handle file_ = none;
};

}  // namespace nanobook::detail
