;;; replwire-session.el --- Sessions of replwire: processes and frames  -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The replwire authors
;; SPDX-License-Identifier: MIT

;;; Commentary:

;; A session is a process that reads and writes JSON lines.  What it writes
;; is handed on, in order, in slices of some milliseconds, so that Emacs
;; stays responsive; while much is waiting, nothing more is read.

;;; Code:

(require 'cl-lib)
(require 'subr-x)
(require 'replwire-view)

(defgroup replwire nil
  "Python sessions over pipes."
  :group 'languages
  :prefix "replwire-")

(defcustom replwire-command '("replwire")
  "The words that start a server, or a function of the project's folder.
For another machine, such as (\"ssh\" \"host\" \"replwire\")."
  :type '(choice (repeat string) function))

(defcustom replwire-options '("--survive")
  "Options of the server.
With \"--survive\" variables outlive a crash, and there are undo,
checkpoints and branches."
  :type '(repeat string))

(defcustom replwire-output-limit 200000
  "Bytes of each stream of an execution that are shown.
Of more the middle is left out.  With nil all is shown."
  :type '(choice natnum (const nil)))

(defcustom replwire-timeout nil
  "Seconds after which code is interrupted, or nil."
  :type '(choice number (const nil)))

(defcustom replwire-grace 2
  "Seconds until an interrupt, or a deadline, gets firmer."
  :type 'number)

(defconst replwire--slice 0.008 "Seconds of frames at a time.")
(defconst replwire--pause 0.004 "Seconds between two slices.")
(defconst replwire--ahead (* 4 1024 1024) "Characters that may wait.")

(cl-defstruct (replwire-session (:constructor replwire-session--make) (:copier nil))
  "NAME and ROOT of a project's session, MAIN (of a branch its parent's, else
itself) and BRANCH (its name on the wire), the ones that share MAIN's process."
  name root main branch branches process parts lines (ahead 0) draining full
  ready waiting (next-id 0) answers executions order past files
  view stray inputs dead stopped fatal variables on-change stderr)

(cl-defstruct (replwire-execution (:constructor replwire-execution--make) (:copier nil))
  "What was sent: CODE, FILENAME, lines FIRST to LAST of BUFFER, COLUMN of the first."
  id session code filename first last buffer column indent
  running (since 0) block mark overlays silent on-end)

;;; The process

(defun replwire-session-start (name root words)
  "Start a session called NAME in folder ROOT by WORDS."
  (when (< read-process-output-max 65536)   ; as Emacs 30 has it
    (setq read-process-output-max 65536))
  (let* ((session (replwire-session--make
                   :name name :root root
                   :answers (make-hash-table :test 'equal)
                   :executions (make-hash-table :test 'equal)
                   :past (make-hash-table :test 'equal)
                   :files (make-hash-table :test 'equal)
                   :branches (make-hash-table :test 'equal)
                   :view (replwire-view-make name)))
         (default-directory (file-name-as-directory root)))
    (setf (replwire-session-main session) session
          (replwire-session-stderr session) (generate-new-buffer " *replwire stderr*" t)
          (replwire-session-process session)
          (make-process
           :name "replwire" :command words :connection-type 'pipe :noquery t
           :coding 'utf-8-unix
           :stderr (make-pipe-process :name "replwire stderr" :noquery t :sentinel #'ignore
                                      :buffer (replwire-session-stderr session))
           :filter (lambda (_ text) (replwire-session--take session text))
           :sentinel (lambda (process _) (replwire-session--sentinel session process))))
    session))

(defun replwire-session-send (session frame)
  "Send FRAME, a plist, to the server of SESSION.
Members that are nil are left out."
  (let ((process (replwire-session-process (replwire-session-main session))))
    (when (process-live-p process)
      (process-send-string
       process
       (concat (json-serialize (cl-loop for (key value) on frame by #'cddr
                                        if value collect key and collect value))
               "\n")))))

(defun replwire-session--take (session text)
  "Collect TEXT that SESSION's process wrote: a read may end anywhere."
  (let ((from 0) newline)
    (while (setq newline (string-search "\n" text from))
      (push (substring text from newline) (replwire-session-parts session))
      (let ((line (apply #'concat (nreverse (replwire-session-parts session)))))
        (setf (replwire-session-parts session) nil)
        (cl-incf (replwire-session-ahead session) (length line))
        (replwire-session--enqueue session line))
      (setq from (1+ newline)))
    (when (< from (length text))
      (push (substring text from) (replwire-session-parts session))))
  (when (and (> (replwire-session-ahead session) replwire--ahead)
             (process-live-p (replwire-session-process session)))
    (setf (replwire-session-full session) t)
    (set-process-filter (replwire-session-process session) t))
  (unless (replwire-session-draining session)
    (replwire-session--drain session)))

(defun replwire-session--enqueue (session line)
  "Put LINE behind what waits in SESSION."
  (let ((cell (list line)) (queue (replwire-session-lines session)))
    (if (car queue)
        (setcdr (cdr queue) cell)
      (setf (replwire-session-lines session) (setq queue (cons cell cell))))
    (setcdr queue cell)))

(defun replwire-session--drain (session)
  "Hand on what has come from SESSION, for some milliseconds."
  (setf (replwire-session-draining session) t)
  (let ((stop (+ (float-time) replwire--slice))
        (queue (replwire-session-lines session)))
    (while (and (car queue) (< (float-time) stop))
      (let ((line (pop (car queue))))
        (cl-decf (replwire-session-ahead session) (length line))
        (with-demoted-errors "replwire: %S"
          (replwire-session--line session line))))
    (if (car queue)
        (run-at-time replwire--pause nil #'replwire-session--drain session)
      (setf (replwire-session-draining session) nil)
      (when (replwire-session-full session)
        (setf (replwire-session-full session) nil)
        (set-process-filter (replwire-session-process session)
                            (lambda (_ text) (replwire-session--take session text))))
      (when (replwire-session-dead session)
        (replwire-session--ended session)))))

(defun replwire-session--line (session line)
  "Take a LINE of SESSION; one that is no JSON comes from something between."
  (let ((frame (ignore-errors
                 (json-parse-string line :object-type 'plist :array-type 'list
                                    :null-object nil :false-object nil))))
    (when (plist-get frame :type)
      (replwire-session--frame session frame))))

(defun replwire-session--sentinel (session process)
  "Note that PROCESS of SESSION has ended; what it wrote comes first."
  (unless (process-live-p process)
    (setf (replwire-session-dead session) t)
    (unless (replwire-session-draining session)
      (replwire-session--ended session))))

;;; Requests

(defun replwire-session-has (session request &optional field)
  "Whether the server of SESSION serves REQUEST, a keyword, with FIELD."
  (let* ((ready (replwire-session-ready (replwire-session-main session)))
         (fields (plist-member (plist-get ready :capabilities) request)))
    (and fields (or (null field) (member field (cadr fields))) t)))

(defun replwire-session-when-ready (session call)
  "CALL as soon as the first frame of SESSION has come."
  (let ((main (replwire-session-main session)))
    (if (replwire-session-ready main)
        (funcall call)
      (setf (replwire-session-waiting main) (append (replwire-session-waiting main) (list call))))))

(defun replwire-session-request (session frame &optional answer)
  "Send FRAME to SESSION under a new id, which is returned.
ANSWER is called with the reply, or with nil and what was wrong."
  (let* ((main (replwire-session-main session))
         (id (format "emacs-%d" (cl-incf (replwire-session-next-id main)))))
    (when answer
      (puthash id answer (replwire-session-answers main)))
    (replwire-session-send
     session `(,@frame :id ,id :session ,(or (plist-get frame :session) (replwire-session-branch session))))
    id))

(defun replwire-session-ask (session frame seconds)
  "Send FRAME to SESSION and wait for its reply, for SECONDS at most."
  (let ((end (+ (float-time) seconds)) reply done)
    (replwire-session-request session frame (lambda (answer &optional _) (setq reply answer done t)))
    (while (and (not done) (< (float-time) end)
                (accept-process-output nil 0.01)))
    (while (and (not done) (< (float-time) end))
      (accept-process-output nil 0.01))
    reply))

(defun replwire-session-alive (session)
  "Whether SESSION can still run code."
  (not (or (replwire-session-dead session)
           (replwire-session-dead (replwire-session-main session)))))

(defun replwire-session-execute (session execution &optional name module)
  "Run EXECUTION in SESSION, under `__name__' NAME or in MODULE if the server can."
  (replwire-session-when-ready
   session
   (lambda ()
     (let ((frame (list :type "execute"
                        :code (replwire-execution-code execution)
                        :filename (replwire-execution-filename execution)
                        :first_line (replwire-execution-first execution)
                        :output_limit replwire-output-limit
                        :timeout replwire-timeout
                        :grace (and replwire-timeout replwire-grace)))
           (view (replwire-session-view session)))
       (cl-loop for (field value) in `(("notify_start" t) ("dedent" t) ("name" ,name) ("module" ,module)
                                       ("values" ,(and (replwire-execution-buffer execution) "all")))
                when (and value (replwire-session-has session :execute field))
                do (setq frame (append frame (list (intern (concat ":" field)) value))))
       (setf (replwire-execution-session execution) session
             (replwire-execution-since execution) (float-time)
             (replwire-execution-block execution)
             (replwire-view-block view (concat "[…] " (replwire-session-label session execution)))
             (replwire-execution-id execution) (replwire-session-request session frame))
       (puthash (replwire-execution-id execution) execution
                (replwire-session-executions (replwire-session-main session)))
       (setf (replwire-session-order session)
             (append (replwire-session-order session) (list execution)))
       (when (replwire-execution-filename execution)
         (puthash (replwire-execution-filename execution) (replwire-execution-buffer execution)
                  (replwire-session-files (replwire-session-main session))))
       (replwire-session--call session 'begin execution)
       (replwire-session--running session)))))

(defun replwire-session-label (session execution)
  "Where EXECUTION of SESSION comes from, in a few words."
  (let ((filename (or (replwire-execution-filename execution) "code"))
        (root (file-name-as-directory (replwire-session-root session)))
        (first (replwire-execution-first execution))
        (last (replwire-execution-last execution)))
    (when (string-prefix-p root filename)
      (setq filename (substring filename (length root))))
    (cond ((null first) filename)
          ((= first last) (format "%s:%d" filename first))
          (t (format "%s:%d-%d" filename first last)))))

(defun replwire-session--running (session)
  "Note that the first in line of SESSION is under way."
  (let ((execution (car (replwire-session-order session))))
    (when (and execution (not (replwire-execution-running execution))
               (not (replwire-session-has session :execute "notify_start")))
      (replwire-session--started session execution))
    (replwire-session-changed session)))

(defun replwire-session--started (session execution)
  "Note that EXECUTION of SESSION is under way."
  (setf (replwire-execution-running execution) t
        (replwire-execution-since execution) (float-time))
  (replwire-session--call session 'started execution))

(defun replwire-session-state (session)
  "What SESSION does, as a symbol."
  (cond ((not (replwire-session-alive session)) 'dead)
        ((not (replwire-session-ready (replwire-session-main session))) 'starting)
        ((replwire-session-inputs session) 'asks)
        ((replwire-session-order session) 'busy)
        (t 'idle)))

(defun replwire-session-what-runs (session)
  "What SESSION is at, in words, or nil."
  (let ((execution (car (replwire-session-order session))))
    (and execution
         (format "%s, for %d s" (replwire-session-label session execution)
                 (- (float-time) (replwire-execution-since execution))))))

(defun replwire-session-stop (session)
  "End SESSION."
  (setf (replwire-session-stopped session) t)
  (if (not (replwire-session-branch session))
      (let ((process (replwire-session-process session)))
        (replwire-session-send session '(:type "shutdown"))
        (run-at-time 5 nil (lambda () (when (process-live-p process) (kill-process process)))))
    (replwire-session-request session `(:type "close" :session ,(replwire-session-branch session)))
    (remhash (replwire-session-branch session)
             (replwire-session-branches (replwire-session-main session)))
    (replwire-session--gone session)))

(defun replwire-session-branch-off (session name call)
  "CALL with a session NAME that begins in the state of SESSION."
  (replwire-session-request
   session `(:type "branch" :name ,name)
   (lambda (reply &optional problem)
     (if (null reply)
         (message "replwire: no branch: %s" problem)
       (let* ((main (replwire-session-main session))
              (branch (replwire-session--make
                       :name name :root (replwire-session-root session) :main main
                       :branch (plist-get reply :session)
                       :past (make-hash-table :test 'equal)
                       :on-change (replwire-session-on-change session)
                       :view (replwire-view-make name))))
         (puthash (plist-get reply :session) branch (replwire-session-branches main))
         (funcall call branch))))))

;;; Frames

(defvar replwire-session-functions nil
  "Functions of (WHAT SESSION DATA EXECUTION) that show what happens.
WHAT is a symbol: begin, started, output, value, result, error, input,
input-closed, restored, gone, changed.")

(defun replwire-session--call (session what &optional data execution)
  "Tell all who show SESSION of WHAT, with DATA and EXECUTION."
  (run-hook-with-args 'replwire-session-functions what session data
                      (or execution (and (replwire-execution-p data) data))))

(defun replwire-session-changed (session)
  "The state of SESSION has changed."
  (replwire-session--call session 'changed)
  (force-mode-line-update t))

(defun replwire-session--frame (main frame)
  "Serve FRAME of the process of MAIN."
  (let* ((id (plist-get frame :id))
         (type (plist-get frame :type))
         (answer (and id (not (member type '("input" "input_closed")))
                      (gethash id (replwire-session-answers main)))))
    (if answer
        (progn
          (remhash id (replwire-session-answers main))
          (if (equal type "protocol_error")
              (funcall answer nil (plist-get frame :message))
            (funcall answer frame)))
      (let* ((execution (gethash (plist-get frame :execution_id) (replwire-session-executions main)))
             (session (or (and execution (replwire-execution-session execution))
                          (gethash (plist-get frame :session) (replwire-session-branches main))
                          main))
             (handler (intern-soft (concat "replwire-session--on-" type))))
        ;; What it does not know a client ignores.
        (when (and handler (fboundp handler))
          (funcall handler session frame execution))))))

(defun replwire-session--block (session frame execution)
  "The block for output of FRAME of SESSION.
It is that of EXECUTION, also when that is over."
  (let ((past (gethash (plist-get frame :execution_id) (replwire-session-past session))))
    (cond (execution (replwire-execution-block execution))
          (past (replwire-execution-block past))
          ((replwire-session-stray session))
          (t (setf (replwire-session-stray session)
                   (replwire-view-block (replwire-session-view session) "[ ] at rest"))))))

(defun replwire-session--note (session text &optional loud)
  "Show TEXT in the view of SESSION; with LOUD as an error."
  (replwire-view-block (replwire-session-view session) text (if loud 'replwire-error 'replwire-note))
  (message "replwire: %s" text))

(defun replwire-session--on-ready (session frame _)
  "SESSION is ready; see FRAME."
  (setf (replwire-session-ready session) frame)
  (if (not (eql (plist-get frame :protocol) 1))
      (progn (replwire-session--note session (format "protocol %s, not 1" (plist-get frame :protocol)) t)
             (replwire-session-stop session))
    (let ((python (plist-get frame :python)))
      (replwire-view-block (replwire-session-view session)
                           (format "Python %s, %s" (plist-get python :version)
                                   (plist-get python :executable))))
    (mapc #'funcall (replwire-session-waiting session))
    (setf (replwire-session-waiting session) nil)
    (replwire-session-changed session)))

(defun replwire-session--on-started (session _ execution)
  "EXECUTION of SESSION has begun."
  (when execution
    (replwire-session--started session execution)
    (replwire-session-changed session)))

(defun replwire-session--on-output (session frame execution)
  "Show the text of FRAME, written by EXECUTION of SESSION."
  (replwire-view-text (replwire-session-view session)
                      (replwire-session--block session frame execution)
                      (plist-get frame :data)
                      (and (equal (plist-get frame :stream) "stderr") 'replwire-error))
  (replwire-session--call session 'output frame execution))

(defun replwire-session--on-output_truncated (session frame execution)
  "Say how much of what EXECUTION of SESSION wrote FRAME left out."
  (replwire-view-insert (replwire-session-view session)
                        (replwire-session--block session frame execution)
                        (format "… %d bytes of %s left out\n" (plist-get frame :omitted)
                                (plist-get frame :stream))
                        'replwire-note))

(defun replwire-session--on-display (session frame execution)
  "Show FRAME of EXECUTION of SESSION."
  (let ((view (replwire-session-view session))
        (text (replwire-view-forms (plist-get frame :data)))
        (id (plist-get frame :display_id)))
    (if (plist-get frame :update)
        (replwire-view-update view id text)
      (replwire-view-insert view (replwire-session--block session frame execution) text
                            'replwire-value id))))

(defun replwire-session--on-clear_output (session frame execution)
  "Remove what EXECUTION of SESSION has shown; see FRAME."
  (replwire-view-clear-block (replwire-session-view session)
                             (replwire-session--block session frame execution)
                             (plist-get frame :wait)))

(defun replwire-session--on-input (session frame _)
  "Ask the question of FRAME for SESSION."
  (setf (replwire-session-inputs session) (append (replwire-session-inputs session) (list frame)))
  (replwire-session--call session 'input frame)
  (replwire-session-changed session))

(defun replwire-session--on-input_closed (session frame _)
  "The question of FRAME needs no answer of SESSION any more."
  (replwire-session-drop-input session (plist-get frame :id))
  (replwire-session--call session 'input-closed frame))

(defun replwire-session-drop-input (session id)
  "The question ID of SESSION does not wait any more."
  (setf (replwire-session-inputs session)
        (cl-remove id (replwire-session-inputs session)
                   :key (lambda (frame) (plist-get frame :id)) :test #'equal))
  (replwire-session-changed session))

(defun replwire-session-respond (session id &rest fields)
  "Answer question ID of SESSION with FIELDS."
  (replwire-session-drop-input session id)
  (replwire-session-send session `(:type "input_response" :input_id ,id ,@fields
                                         :session ,(replwire-session-branch session))))

(defun replwire-session--on-value (session frame execution)
  "Show the value of FRAME, of a statement of EXECUTION of SESSION."
  (when execution
    (replwire-session--call session 'value frame execution)))

(defun replwire-session--finish (session execution frame)
  "EXECUTION of SESSION is over; see FRAME."
  (let ((main (replwire-session-main session)) (past (replwire-session-past session)))
    (remhash (replwire-execution-id execution) (replwire-session-executions main))
    (when (> (hash-table-count past) 200)       ; they are known for what they print late
      (clrhash past))
    (puthash (replwire-execution-id execution) execution past)
    (setf (replwire-execution-running execution) nil
          (replwire-session-order session) (delq execution (replwire-session-order session))
          (replwire-session-stray session) (replwire-execution-block execution))
    (replwire-view-retitle (replwire-session-view session) (replwire-execution-block execution)
                           (format "[%s] %s" (or (plist-get frame :execution_count) " ")
                                   (replwire-session-label session execution)))
    (replwire-session--running session)))

(defun replwire-session--on-result (session frame execution)
  "EXECUTION of SESSION ended well, with the value of FRAME."
  (when execution
    (let* ((display (plist-get frame :display))
           (repr (or (plist-get frame :repr) (plist-get display :text/plain)))
           (view (replwire-session-view session))
           (block (replwire-execution-block execution)))
      (replwire-session--call session 'result frame execution)
      (when (or display repr)
        (replwire-view-insert view block
                              (if display (replwire-view-forms display) (concat repr "\n"))
                              'replwire-value))
      (when (plist-get frame :repr_truncated)
        (replwire-view-insert view block (format "… %d characters in all\n" (plist-get frame :repr_truncated))
                              'replwire-note))
      (replwire-session--finish session execution frame))))

(defun replwire-session--on-error (session frame execution)
  "EXECUTION of SESSION failed; see FRAME."
  (when execution
    (let ((traceback (plist-get frame :traceback)))
      (replwire-view-text (replwire-session-view session) (replwire-execution-block execution)
                          (if (string-empty-p traceback)
                              (format "not run: %s\n" (plist-get frame :reason))
                            traceback)
                          'replwire-error))
    (replwire-session--call session 'error frame execution)
    (replwire-session--finish session execution frame)))

(defun replwire-session--on-protocol_error (session frame _)
  "A request of SESSION was refused; see FRAME."
  (let ((execution (gethash (plist-get frame :id)
                            (replwire-session-executions (replwire-session-main session)))))
    ;; What was answered too late is no fault: the question was closed meanwhile.
    (unless (equal (plist-get frame :code) "unknown_input_id")
      (message "replwire: %s: %s" (plist-get frame :code) (plist-get frame :message)))
    (when execution
      (setq session (replwire-execution-session execution))
      (replwire-view-insert (replwire-session-view session) (replwire-execution-block execution)
                            (concat (plist-get frame :message) "\n") 'replwire-error)
      (replwire-session--finish session execution frame))))

(defun replwire-session--on-stuck (session frame execution)
  "EXECUTION of SESSION does not stop; see FRAME."
  (let ((place (car (last (plist-get frame :stack)))))
    (message "replwire: %s does not stop after %d s%s; M-x replwire-restart ends it"
             (if execution (replwire-session-label session execution) "the code")
             (plist-get frame :elapsed)
             (if place
                 (format " (in %s, %s line %d)" (plist-get place :function)
                         (file-name-nondirectory (plist-get place :filename))
                         (plist-get place :line))
               ""))))

(defun replwire-session--on-restored (session frame execution)
  "Another process is SESSION's; see FRAME.  EXECUTION was under way."
  (let* ((cause (plist-get frame :cause))
         (empty (null (plist-get frame :checkpoint_id)))
         (why (or (plist-get frame :signal)
                  (and (plist-get frame :exit_status)
                       (format "exit status %s" (plist-get frame :exit_status)))
                  "an unknown cause"))
         (threads (plist-get frame :lost_threads))
         (text (concat
                (pcase cause
                  ("crash" (concat "Python died of " why))
                  ("timeout" "stopped by force when its time was over")
                  ("interrupt" "stopped by force")
                  ("undo" "undone")
                  ("restore" "the checkpoint is restored")
                  ("rollback" "rolled back")
                  (_ cause))
                (and execution (concat " in " (replwire-session-label session execution)))
                (cond (empty "; Python was started anew, and is empty")
                      ((member cause '("undo" "restore")) "")
                      (t "; the variables are as before"))
                (and threads (concat "; threads that are gone: " (string-join threads ", "))))))
    (replwire-session--note session text)
    (dolist (id (plist-get frame :undone))
      (let ((undone (gethash id (replwire-session-past session))))
        (when undone
          (replwire-session--call session 'undone frame undone))))
    (replwire-session-changed session)))

(defun replwire-session--on-fatal (session frame _)
  "The process of SESSION is about to die; see FRAME."
  (setf (replwire-session-fatal session)
        (or (plist-get frame :signal)
            (and (equal (plist-get frame :reason) "exit")
                 (format "exit status %s" (plist-get frame :exit_status)))
            (plist-get frame :reason)))
  (replwire-view-block (replwire-session-view session)
                       (string-trim (or (plist-get frame :traceback) "")) 'replwire-error))

;;; The end

(defun replwire-session--gone (session)
  "All that waited in SESSION gets no answer."
  (let ((inputs (replwire-session-inputs session)) (order (replwire-session-order session)))
    (setf (replwire-session-inputs session) nil
          (replwire-session-order session) nil
          (replwire-session-dead session) t)
    (dolist (frame inputs)
      (replwire-session--call session 'input-closed frame))
    (dolist (execution order)
      (setf (replwire-execution-running execution) nil)
      (replwire-session--call session 'gone execution)))
  (replwire-session-changed session))

(defun replwire-session--ended (session)
  "The process of SESSION has ended, and all that it wrote is told."
  (when (buffer-live-p (replwire-session-stderr session))
    (replwire-session--tell-end session)))

(defun replwire-session--tell-end (session)
  "Say how SESSION has ended, and forget what waited."
  (let* ((process (replwire-session-process session))
         (running (replwire-session-what-runs session))
         (status (process-exit-status process))
         (cause (or (replwire-session-fatal session)
                    (if (eq (process-status process) 'signal)
                        (format "signal %d" status)
                      (format "exit status %d" status))))
         (said (with-current-buffer (replwire-session-stderr session)
                 (unless (replwire-session-ready session)
                   (while (accept-process-output (get-buffer-process (current-buffer)) 0.2)))
                 (string-trim (buffer-string)))))
    (kill-buffer (replwire-session-stderr session))
    (maphash (lambda (_ answer) (funcall answer nil "the session is dead"))
             (replwire-session-answers session))
    (clrhash (replwire-session-answers session))
    (maphash (lambda (_ branch) (replwire-session--gone branch)) (replwire-session-branches session))
    (replwire-session--gone session)
    (unless (replwire-session-stopped session)
      (replwire-session--note
       session
       (if (replwire-session-ready session)
           (format "the session %s has died of %s%s" (replwire-session-name session) cause
                   (if running (concat " in " running) ""))
         (format "%s does not start: %s" (car (process-command process))
                 (if (string-empty-p said) cause said)))
       t))))

(provide 'replwire-session)
;;; replwire-session.el ends here
