// A session's own thread. Tasks run one after the other in the order in which they came; each is then settled on the
// event loop. libuv's pool is left alone: it has four threads, and file reads wait behind whatever sits there.
//
// The process may end while the thread is idle and may not while a task is under way. When the environment ends
// first (worker.terminate(), process.exit()), tasks are cancelled and the thread is joined.
#pragma once

#include <napi.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace hushgrad {

class Task {
 public:
  virtual ~Task() = default;
  virtual void work() = 0;                 // on the work thread; what it throws is kept in `failure`
  virtual void settle(Napi::Env env) = 0;  // on the event loop, afterwards; not called when the environment has ended

  std::atomic<bool> cancelled{false};
  std::exception_ptr failure;
};

// All members are for the event loop's thread alone, unless they say otherwise.
class WorkThread {
 public:
  // Runs `begin` on the new thread and waits for it; throws what it throws. `end` runs on the thread, last of all.
  static std::shared_ptr<WorkThread> start(Napi::Env env, const std::function<void()>& begin,
                                           std::function<void()> end);
  ~WorkThread();
  WorkThread(const WorkThread&) = delete;
  WorkThread& operator=(const WorkThread&) = delete;

  void enqueue(std::unique_ptr<Task> task);
  bool idle() const { return inFlight == 0; }
  void cancel();  // every task that has come so far
  void close();   // ends the thread after the tasks that have come so far; does not wait
  void stop();    // cancels, ends the thread and waits for it; tasks are not settled any more

 private:
  WorkThread(Napi::Env env, std::function<void()> end);
  void loop();                       // on the work thread
  std::unique_ptr<Task> next();      // on the work thread; null: closed and nothing left
  bool post(std::unique_ptr<Task>);  // on the work thread; false: the environment is ending
  void ended();
  void settle(Napi::Env env, Task& task);
  void release(napi_threadsafe_function_release_mode mode);
  static void deliver(napi_env env, napi_value, void* context, void* data);
  static void environmentEnds(void* self);

  const napi_env env;
  std::function<void()> end;
  napi_threadsafe_function function = nullptr;
  std::thread thread;
  int64_t inFlight = 0;
  bool released = false;

  std::mutex mutex;  // guards what follows
  std::condition_variable wake;
  std::deque<std::unique_ptr<Task>> queue;
  Task* running = nullptr;
  bool closed = false;
};

}  // namespace hushgrad
