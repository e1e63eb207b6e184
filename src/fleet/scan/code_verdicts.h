#pragma once

#include "fleet/column.h"
#include "fleet/scan/bits.h"
#include "fleet/scan/evaluation.h"
#include "fleet/scan/truths.h"

#include <cstdint>
#include <vector>

namespace twinhub::fleet {

// A condition over one column of codes, decided once for each value of its dictionary. Small
// dictionaries are gone through at once, of large ones only the values that are met.
class CodeVerdicts {
public:
    CodeVerdicts(query::ExprIndex expr, Truths wanted) : expr_(expr), wanted_(wanted) {}

    // Keeps of `rows`, from the row `first` on, those whose value has a wanted truth.
    void keep(Evaluation& evaluation, const Column& column, Row first, std::size_t size,
              Bits& rows);

private:
    template <class Code>
    void keep(Evaluation& evaluation, const Dictionary& dictionary, const Code* codes,
              std::size_t size, Bits& rows);
    void start(Evaluation& evaluation, const Dictionary& dictionary);
    void decide(Evaluation& evaluation, const Dictionary& dictionary, Code code);
    void decide_all(Evaluation& evaluation, const Dictionary& dictionary);

    // In table_, beside the bits of Truths.
    static constexpr std::uint8_t unknown = 0x80;
    static constexpr Code eager_codes_max = 1024;

    query::ExprIndex expr_;
    Truths wanted_;
    const Dictionary* dictionary_ = nullptr;  // that the rest is about
    std::uint64_t revision_ = 0;              // of it
    std::vector<std::uint8_t> table_;         // by code
    std::size_t unknown_ = 0;                 // codes in it
    bool all_known_ = false;
    // When every code is known and few are wanted, or few are not: these. The table is there, too,
    // unless the widest codes could be compared.
    bool compares_ = false;
    bool compares_unwanted_ = false;
    std::vector<Code> compared_;
    Scratch scratch_;
};

}  // namespace twinhub::fleet
