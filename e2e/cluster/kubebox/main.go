// Command kubebox is a whole Kubernetes in one executable, for end-to-end
// tests. The first argument, or the name it was called by, picks a component:
//
//	kubebox etcd|kube-apiserver|kube-controller-manager|kube-scheduler|kubelet|kubectl [flags]
//
// Every component but etcd is the upstream command as it is, with upstream's
// own flags. One executable instead of six, because the components share most
// of their packages and linking them six times would cost minutes.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	// What upstream's main packages register: JSON logs, client and version metrics.
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

// A component runs with os.Args already its own and returns the exit status.
type component struct {
	name string
	run  func() int
}

var components = []component{
	{"etcd", func() int { return etcdMain(os.Args[1:]) }},
	{"kube-apiserver", func() int { return cli.Run(apiserver.NewAPIServerCommand()) }},
	{"kube-controller-manager", func() int { return cli.Run(controllers.NewControllerManagerCommand()) }},
	{"kube-scheduler", func() int { return cli.Run(scheduler.NewSchedulerCommand()) }},
	{"kubelet", func() int { return cli.Run(kubelet.NewKubeletCommand(context.Background())) }},
	{"kubectl", func() int { return kubectlMain(kubectl.NewDefaultKubectlCommand()) }},
}

func main() {
	if c := find(filepath.Base(os.Args[0])); c != nil {
		os.Exit(c.run())
	}
	if len(os.Args) > 1 {
		if c := find(os.Args[1]); c != nil {
			os.Args = os.Args[1:] // upstream's commands look at os.Args themselves
			os.Exit(c.run())
		}
	}
	var names []string
	for _, c := range components {
		names = append(names, c.name)
	}
	fmt.Fprintf(os.Stderr, "usage: kubebox %s [flags]\n", strings.Join(names, "|"))
	os.Exit(2)
}

func find(name string) *component {
	i := slices.IndexFunc(components, func(c component) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return &components[i]
}

// kubectlMain leaves the wording of errors and the exit status to kubectl.
func kubectlMain(command *cobra.Command) int {
	if err := cli.RunNoErrOutput(command); err != nil {
		kubectlutil.CheckErr(err)
	}
	return 0
}
