/// Leaks. Its test expects LeakSanitizer to say so: were it off, the other tests would prove nothing.

#include <cstdlib>

int main() {
    void* volatile block = std::malloc(24);
    block = nullptr;
    return block == nullptr ? 0 : 1;
}
