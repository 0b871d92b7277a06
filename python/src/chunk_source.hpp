// The bytes of a stream that Python reads: an ITCH file, gzipped or not.
#pragma once

#include <nanobind/nanobind.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <utility>

#include <nanobook/itch/mapped_file.hpp>

#include "itch_feeding.hpp"

/// Chunk by chunk, from first to last. `chunks`, called without arguments, gives an iterator of (bytes,) or
/// (mapped file, begin, size). Needs the GIL only to be made; it takes it for each chunk.
class ChunkSource {
  public:
    explicit ChunkSource(nanobind::object chunks) : begin_(std::move(chunks)) {}
    ChunkSource(const ChunkSource&) = delete;
    ChunkSource& operator=(const ChunkSource&) = delete;
    ~ChunkSource() {
        if (nanobind::is_alive()) {
            const nanobind::gil_scoped_acquire held;
            close();
            return;
        }
        // An Arrow stream that outlived the interpreter, and with it all that it refers to.
        for (nanobind::object& chunk : before_) (void)chunk.release();
        (void)chunk_.release();
        (void)chunks_.release();
        (void)begin_.release();
    }

    /// Nothing at the end. Good until the third call from now, and until the end. What Python raises, as Ctrl-C is, is
    /// thrown; after Ctrl-C it goes on, unless it was the iterator that broke off.
    std::span<const std::byte> next() {
        namespace nb = nanobind;
        const nb::gil_scoped_acquire held;
        if (PyErr_CheckSignals() != 0) throw nb::python_error();
        if (has_failed_) throw std::runtime_error("this pass over the stream broke off: begin anew");
        has_failed_ = true;
        if (!chunks_.is_valid()) chunks_ = nb::iter(begin_());
        nb::object next = nb::steal(PyIter_Next(chunks_.ptr()));
        if (!next.is_valid() && PyErr_Occurred() != nullptr) throw nb::python_error();
        has_failed_ = false;
        if (!next.is_valid()) return {};
        before_[1] = std::exchange(before_[0], std::exchange(chunk_, std::move(next)));
        return span_of(chunk_);
    }

    /// For the garbage collector: what of Python it holds.
    int traverse(visitproc visit, void* arg) const {
        for (const nanobind::object& chunk : before_) Py_VISIT(chunk.ptr());
        Py_VISIT(chunk_.ptr());
        Py_VISIT(chunks_.ptr());
        Py_VISIT(begin_.ptr());
        return 0;
    }

    /// Lets go of the file. Needs the GIL.
    void close() {
        for (nanobind::object& chunk : before_) chunk.reset();
        chunk_.reset();
        chunks_.reset();
        begin_.reset();
    }

  private:
    static std::span<const std::byte> span_of(nanobind::handle chunk) {
        namespace nb = nanobind;
        const nb::object source = chunk[0];
        if (nb::isinstance<nb::bytes>(source)) return bytes_of(nb::borrow<nb::bytes>(source));
        return piece_of(nb::cast<const nanobook::itch::MappedFile&>(source), nb::cast<std::size_t>(chunk[1]),
                        nb::cast<std::size_t>(chunk[2]));
    }

    nanobind::object begin_;
    nanobind::object chunks_;
    std::array<nanobind::object, 2> before_;  // chunks that somebody may still be reading
    nanobind::object chunk_;
    bool has_failed_ = false;
};

/// `read`, for who makes an error of its own of ours, as readers of Arrow streams do: Ctrl-C ends the pass, and comes
/// again behind the reader, when no code of ours can swallow it any more.
template <class Read, class Pass>
auto interruptible(Read read, std::shared_ptr<Pass> pass) {
    return [read = std::move(read), pass = std::move(pass)] {
        try {
            return read();
        } catch (const nanobind::python_error& error) {
            const nanobind::gil_scoped_acquire held;
            if (!error.matches(PyExc_KeyboardInterrupt)) throw;
            pass->close();
        }
        PyErr_SetInterrupt();
        throw std::runtime_error("KeyboardInterrupt");
    };
}
