// A task that ends in a promise.
#pragma once

#include <napi.h>

#include <memory>

#include "addon/session_core.h"
#include "addon/work_thread.h"

namespace hushgrad {

class PromiseTask : public Task {
 public:
  PromiseTask(Napi::Env env, std::shared_ptr<SessionCore> core, StagedBatch batch = {});
  Napi::Promise promise() const { return deferred.Promise(); }
  void settle(Napi::Env env) final;

 protected:
  virtual Napi::Value result(Napi::Env env) = 0;  // on the event loop, where work() succeeded
  void stopIfCancelled() const;                   // throws Cancelled
  Session& session() const { return *core->session; }

  const std::shared_ptr<SessionCore> core;
  StagedBatch batch;

 private:
  Napi::Promise::Deferred deferred;
};

}  // namespace hushgrad
