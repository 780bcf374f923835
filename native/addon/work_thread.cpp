#include "addon/work_thread.h"

#include <future>
#include <utility>

#include "addon/environment.h"

namespace hushgrad {

WorkThread::WorkThread(Napi::Env env, std::function<void()> end) : env(env), end(std::move(end)) {
  napi_value name = Napi::String::New(env, "hushgrad session");
  napi_status status = napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this,
                                                       &WorkThread::deliver, &function);
  if (status != napi_ok) throw Napi::Error::New(env, "the session's thread could not be connected to the event loop");
  napi_unref_threadsafe_function(env, function);
}

WorkThread::~WorkThread() {
  if (thread.joinable()) thread.join();
  release(napi_tsfn_abort);
}

std::shared_ptr<WorkThread> WorkThread::start(Napi::Env env, const std::function<void()>& begin,
                                              std::function<void()> end) {
  std::shared_ptr<WorkThread> self(new WorkThread(env, std::move(end)));
  std::promise<void> begun;
  std::future<void> outcome = begun.get_future();
  self->thread = std::thread([worker = self.get(), &begin, begun = std::move(begun)]() mutable {
    try {
      begin();
    } catch (...) {
      begun.set_exception(std::current_exception());
      return;
    }
    begun.set_value();
    worker->loop();
  });
  outcome.get();
  Environment::of(env).add(self);
  // Added after the thread-safe function, so that it runs before that one's own hook: the thread is joined first.
  napi_add_env_cleanup_hook(env, &WorkThread::environmentEnds, self.get());
  return self;
}

void WorkThread::enqueue(std::unique_ptr<Task> task) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (closed) throw std::logic_error("the session's thread has ended");
    queue.push_back(std::move(task));
  }
  if (inFlight++ == 0) napi_ref_threadsafe_function(env, function);
  wake.notify_one();
}

void WorkThread::cancel() {
  std::lock_guard<std::mutex> lock(mutex);
  if (running) running->cancelled = true;
  for (auto& task : queue) task->cancelled = true;
}

void WorkThread::close() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    closed = true;
  }
  wake.notify_one();
}

void WorkThread::stop() {
  cancel();
  close();
  if (thread.joinable()) thread.join();
  napi_remove_env_cleanup_hook(env, &WorkThread::environmentEnds, this);
  release(napi_tsfn_abort);
  Environment::of(env).remove(this);
}

void WorkThread::loop() {
  bool listening = true;
  while (std::unique_ptr<Task> task = next()) {
    try {
      task->work();
    } catch (...) {
      task->failure = std::current_exception();
    }
    {
      std::lock_guard<std::mutex> lock(mutex);
      running = nullptr;
    }
    listening = listening && post(std::move(task));
  }
  end();
  if (listening) post(nullptr);
}

std::unique_ptr<Task> WorkThread::next() {
  std::unique_lock<std::mutex> lock(mutex);
  wake.wait(lock, [this] { return closed || !queue.empty(); });
  if (queue.empty()) return nullptr;
  std::unique_ptr<Task> task = std::move(queue.front());
  queue.pop_front();
  running = task.get();
  return task;
}

bool WorkThread::post(std::unique_ptr<Task> task) {
  if (napi_call_threadsafe_function(function, task.get(), napi_tsfn_nonblocking) != napi_ok) return false;
  (void)task.release();
  return true;
}

void WorkThread::deliver(napi_env env, napi_value, void* context, void* data) {
  std::unique_ptr<Task> task(static_cast<Task*>(data));
  if (env == nullptr) return;  // the environment has ended; so has, perhaps, the WorkThread
  auto* self = static_cast<WorkThread*>(context);
  if (!task) return self->ended();
  self->settle(env, *task);
}

void WorkThread::settle(Napi::Env env, Task& task) {
  if (--inFlight == 0) napi_unref_threadsafe_function(env, function);
  try {
    task.settle(env);
  } catch (const Napi::Error&) {
    // Only an environment that is being terminated refuses to settle a promise; nobody is left to hear of it.
  }
}

void WorkThread::ended() {
  if (thread.joinable()) thread.join();
  napi_remove_env_cleanup_hook(env, &WorkThread::environmentEnds, this);
  release(napi_tsfn_release);
  Environment::of(env).remove(this);
}

void WorkThread::release(napi_threadsafe_function_release_mode mode) {
  if (std::exchange(released, true)) return;
  napi_release_threadsafe_function(function, mode);
}

void WorkThread::environmentEnds(void* self) {
  static_cast<WorkThread*>(self)->stop();
}

}  // namespace hushgrad
