/*
 * Holds the descriptors of one batch of events. JavaScript may adopt them until onEvents returns.
 * The rest is closed, so unexpected descriptors cannot fill this process. Used by the device's JS
 * thread.
 */
#ifndef LITEIPC_ADDON_ARRIVED_DESCRIPTORS_H
#define LITEIPC_ADDON_ARRIVED_DESCRIPTORS_H

#include <algorithm>
#include <vector>

#include "platform/discard.h"

namespace liteipc
{

class ArrivedDescriptors
{
  public:
    ArrivedDescriptors() = default;
    ArrivedDescriptors(const ArrivedDescriptors &) = delete;
    ArrivedDescriptors &operator=(const ArrivedDescriptors &) = delete;
    ~ArrivedDescriptors()
    {
        DiscardAll();
    }

    void Add(int descriptor)
    {
        descriptors_.push_back(descriptor);
    }

    /* Transfers the descriptor to the caller. Returns false if it did not come with this batch. */
    bool Take(int descriptor)
    {
        auto found = std::find(descriptors_.begin(), descriptors_.end(), descriptor);
        if (found == descriptors_.end()) {
            return false;
        }
        descriptors_.erase(found);
        return true;
    }

    /* Closes the descriptors that nobody took, without waiting for their sender. */
    void DiscardAll()
    {
        for (int descriptor : descriptors_) {
            DescriptorDiscard(descriptor);
        }
        descriptors_.clear();
    }

  private:
    std::vector<int> descriptors_;
};

} // namespace liteipc

#endif
