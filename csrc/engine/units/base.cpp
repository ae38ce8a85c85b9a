/// What programs without Python link.
#include "../device.cpp"
#include "../dtype.cpp"
#include "../dtype_reasons.cpp"
#include "../error.cpp"
#include "../memory.cpp"
#include "../overlap.cpp"
#include "../self_overlap.cpp"
