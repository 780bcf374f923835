// A task that ends in a promise.
#pragma once

#include <napi.h>

#include <memory>

#include "addon/session_core.h"
#include "addon/work_thread.h"

namespace hushgrad {

class PromiseTask : public Task {
 public:
  explicit PromiseTask(Napi::Env env) : deferred(Napi::Promise::Deferred::New(env)) {}
  Napi::Promise promise() const { return deferred.Promise(); }
  void settle(Napi::Env env) final;

 protected:
  virtual Napi::Value result(Napi::Env env) = 0;  // on the event loop, where work() succeeded
  virtual void release(Napi::Env env) = 0;        // on the event loop, before anything else, whether or not it did

 private:
  Napi::Promise::Deferred deferred;
};

// A task of a session, with the batch that it works on.
class SessionTask : public PromiseTask {
 public:
  SessionTask(Napi::Env env, std::shared_ptr<SessionCore> core, StagedBatch batch = {});

 protected:
  void release(Napi::Env env) override;
  void stopIfCancelled() const;  // throws Cancelled
  Session& session() const { return *core->session; }

  const std::shared_ptr<SessionCore> core;
  StagedBatch batch;
};

}  // namespace hushgrad
