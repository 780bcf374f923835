#include "addon/promise_task.h"

#include "addon/errors.h"

namespace hushgrad {

SessionTask::SessionTask(Napi::Env env, std::shared_ptr<SessionCore> core, StagedBatch batch)
    : PromiseTask(env), core(std::move(core)), batch(std::move(batch)) {}

void SessionTask::release(Napi::Env env) {
  if (batch.memory) core->staging.give(env, std::move(batch));
}

void SessionTask::stopIfCancelled() const {
  if (cancelled) throw Cancelled();
}

void PromiseTask::settle(Napi::Env env) {
  release(env);
  if (failure) return deferred.Reject(toError(env, failure).Value());
  try {
    deferred.Resolve(result(env));
  } catch (...) {
    deferred.Reject(toError(env, std::current_exception()).Value());
  }
}

}  // namespace hushgrad
