#include "addon/promise_task.h"

#include "addon/errors.h"

namespace hushgrad {

PromiseTask::PromiseTask(Napi::Env env, std::shared_ptr<SessionCore> core, StagedBatch batch)
    : core(std::move(core)), batch(std::move(batch)), deferred(Napi::Promise::Deferred::New(env)) {}

void PromiseTask::stopIfCancelled() const {
  if (cancelled) throw Cancelled();
}

void PromiseTask::settle(Napi::Env env) {
  if (batch.memory) core->staging.give(env, std::move(batch));
  if (failure) return deferred.Reject(toError(env, failure).Value());
  try {
    deferred.Resolve(result(env));
  } catch (...) {
    deferred.Reject(toError(env, std::current_exception()).Value());
  }
}

}  // namespace hushgrad
