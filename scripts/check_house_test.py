#!/usr/bin/env python3
"""Tests of check_house.py and public_names.py."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from check_house import House  # noqa: E402
from public_names import undocumented  # noqa: E402


def findings(files):
    """What check_house finds in a project of these files."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        house = House(Path(folder))
        house.check()
        return house.findings, house.warnings


class Includes(unittest.TestCase):
    def one(self, name, header, others=()):
        files = {name: f"#pragma once\n#include {header}\n"}
        files.update({other: "#pragma once\n" for other in others})
        found, _ = findings(files)
        return found

    def test_left_and_own_room_are_allowed(self):
        self.assertEqual(self.one("src/nn/a.cpp", '"fastforward/tensor/b.h"'), [])
        self.assertEqual(self.one("src/nn/a.cpp", '"fastforward/nn/b.h"'), [])
        self.assertEqual(self.one("src/nn/a.cpp", '"kernels/b.h"', ["src/kernels/b.h"]), [])

    def test_right_and_beside_are_not(self):
        for name, header in [
            ("src/tensor/a.cpp", '"fastforward/nn/b.h"'),
            ("include/fastforward/tensor/a.h", '"fastforward/dispatch/b.h"'),
            ("src/nn/a.cpp", '"fastforward/integer/b.h"'),
        ]:
            found = self.one(name, header)
            self.assertEqual(len(found), 1, found)
            self.assertIn(f"{name}:2: room", found[0])
        found = self.one("src/tensor/a.cpp", '"kernels/b.h"', ["src/kernels/b.h"])
        self.assertIn("tensor may not include kernels/b.h", found[0])
        found = self.one("src/kernels/a.cpp", '"../nn/b.h"')
        self.assertEqual(found, [])

    def test_private_headers_stay_private(self):
        found = self.one("include/fastforward/nn/a.h", '"nn/b.h"', ["src/nn/b.h"])
        self.assertIn("private header nn/b.h", found[0])
        found = self.one("examples/x/a.cpp", '"nn/b.h"', ["src/nn/b.h"])
        self.assertIn("public headers only", found[0])
        self.assertEqual(self.one("examples/x/a.cpp", '"storage/idx.h"', ["src/storage/idx.h"]), [])
        self.assertEqual(self.one("tests/nn/a.cpp", '"nn/b.h"', ["src/nn/b.h"]), [])

    def test_heavy_headers_have_their_places(self):
        self.assertIn("only src/kernels", self.one("src/nn/a.cpp", "<immintrin.h>")[0])
        self.assertIn("only src/kernels", self.one("src/nn/a.cpp", '"hwy/highway.h"')[0])
        self.assertEqual(self.one("src/kernels/a.cpp", '"hwy/highway.h"'), [])
        self.assertIn("no heavy std", self.one("src/kernels/a.cpp", "<vector>")[0])
        self.assertIn("no LibTorch", self.one("src/kernels/a.cpp", "<ATen/ATen.h>")[0])
        self.assertIn("narrow header", self.one("src/nn/a.cpp", "<torch/torch.h>")[0])
        self.assertEqual(self.one("tests/nn/a.cpp", "<torch/torch.h>"), [])


class Files(unittest.TestCase):
    def test_names_places_and_lengths(self):
        cases = {
            "src/nn/tensor_utils.cpp": "'utils' in a file name",
            "src/nn/a.cc": "named .h and .cpp",
            "src/attic/a.cpp": "src/<room>/<noun>.cpp",
            "include/fastforward/attic/a.h": "include/fastforward/<room>/<noun>.h",
            "include/other/a.h": "include/fastforward/<room>/<noun>.h",
        }
        for name, text in cases.items():
            found, _ = findings({name: "#pragma once\n"})
            self.assertEqual(len(found), 1, found)
            self.assertIn(text, found[0])
        self.assertIn("501 lines", findings({"a.py": "\n" * 501})[0][0])
        found, warnings = findings({"a.cmake": "\n" * 301})
        self.assertEqual(found, [])
        self.assertIn("301 lines", warnings[0])
        self.assertEqual(findings({"README.md": "\n" * 900}), ([], []))

    def test_pragma_once(self):
        self.assertIn("no #pragma once", findings({"src/nn/a.h": "\n"})[0][0])
        self.assertEqual(findings({"src/kernels/a-inl.h": "\n"})[0], [])

    def test_missing_test_is_a_warning(self):
        files = {"include/fastforward/nn/a.h": "#pragma once\n", "src/nn/a.cpp": "\n"}
        self.assertIn("no tests/nn/a_test.cpp", findings(files)[1][0])
        files["tests/nn/a_test.cpp"] = "\n"
        self.assertEqual(findings(files), ([], []))


class PublicNames(unittest.TestCase):
    def names(self, text):
        return [what.split("'")[1] for _, what in undocumented(text)]

    def test_finds_each_kind_of_name(self):
        text = """
        namespace ff {
        class FF_API Quantizer final : public Base<int, 3> {
         public:
          int scale() const;
          struct Later;
          decltype(auto) call(int x);
          template <typename T, typename = std::enable_if_t<(sizeof(T) > 1)>>
          T get(std::vector<T> x = {}) { return x[0]; }
          static constexpr int kBits = 8;
          using Value = double;
          bool operator==(const Quantizer& other) const;
          explicit operator bool() const;
        };
        struct Quantizer::Later { int value() const; };
        struct Range { double min = 0; double max{1}; };
        enum class Mode : int { kOne, kTwo };
        FF_API at::Tensor quantize(const at::Tensor& data, std::optional<int> bits = std::nullopt);
        std::ostream& operator<<(std::ostream& out, const Range& range);
        inline constexpr double kSmallest = 1e-6;
        using Tiles = std::vector<int>;
        template <typename T>
        concept Number = requires(T a) { a + a; };
        struct QuantizerOptions {
          TORCH_ARG(int64_t, num_bits) = 8;
        };
        TORCH_MODULE(LinearQuantizer);
        }
        """
        self.assertEqual(self.names(text), [
            "Quantizer", "Quantizer::scale", "Quantizer::Later", "Quantizer::call", "Quantizer::get", "Quantizer::kBits", "Quantizer::Value",
            "Quantizer::operator==", "Quantizer::operatorbool", "Quantizer::Later",
            "Quantizer::Later::value", "Range", "Mode", "quantize",
            "operator<<", "kSmallest", "Tiles", "Number", "QuantizerOptions",
            "QuantizerOptions::num_bits", "LinearQuantizer"])

    def test_a_comment_above_counts(self):
        text = """
        /// A quantizer.
        template <typename T>
        class Quantizer {
         public:
          /// Returns the scale.
          // NOLINTNEXTLINE
          int scale() const;
          int scale();
          /// Not directly above.

          int offset();
        };
        """
        self.assertEqual(self.names(text), ["Quantizer::offset"])
        self.assertEqual(self.names("""
        /// One.
        class A {
         public:
          class B;
          /// Documented here.
          class C;
        };
        /// Documented here.
        class A::B { int x_; };
        class A::C { int x_; };
        """), [])

    def test_what_needs_no_comment(self):
        text = """
        namespace ff { class Forward; struct FF_API Other; enum class E; }
        namespace ff::detail { struct Hidden { void f(); }; }
        /// A class.
        class A : public B {
          int hidden();
         public:
          A() : x_(1), y_{2} {}
          explicit A(int x);
          ~A() override;
          A(const A&) = delete;
          A& operator=(A&& other) noexcept;
          void forward(int x = {}) override;
          void last() const final { if (true) { return; } }
          using B::B;
          friend void swap(A& a, A& b);
         protected:
          void inner();
         private:
          struct Part { void f(); };
          int x_;
          int y_;
        };
        template <>
        struct Trait<A> { };
        static_assert(sizeof(A) > 1);
        // class InComment;
        const char* text();  // has none
        #define MACRO(x) \\
          void from_macro(x);
        """
        self.assertEqual(self.names(text), ["text"])


if __name__ == "__main__":
    unittest.main()
